-- Asks for one URL, or for paths made of a template and numbers (bench/load.py: Numbers), and prints what wrk counted
-- as one line. Without a template there is no request function, and wrk keeps its fast path.
function init(arguments)
  local template, step, amount = arguments[1], tonumber(arguments[2]), tonumber(arguments[3])
  if template == nil then return end
  local prepared, at = {}, 0
  -- A stride that is prime to the amount, so that neighbours are not asked for one after the other.
  for n = 0, amount - 1 do
    prepared[n] = wrk.format("GET", string.format(template, (n * 7919 % amount) * step))
  end
  request = function()
    at = (at + 1) % amount
    return prepared[at]
  end
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    'SUMMARY {"requests": %d, "bytes": %d, "microseconds": %d, "status": %d, "failed": %d}\n',
    summary.requests, summary.bytes, summary.duration, e.status, e.connect + e.read + e.write))
end
