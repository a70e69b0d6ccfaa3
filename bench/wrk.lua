-- Prints what wrk counted as one line that bench/load.py reads. No request or response function: wrk keeps its fast path.
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    'SUMMARY {"requests": %d, "bytes": %d, "microseconds": %d, "status": %d, "failed": %d}\n',
    summary.requests, summary.bytes, summary.duration, e.status, e.connect + e.read + e.write))
end
