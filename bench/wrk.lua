-- Asks for one URL, for paths made of a template and numbers (bench/load.py: Numbers), or for those listed in a file,
-- and prints what wrk counted as one line. With one URL there is no request function, and wrk keeps its fast path.
function init(arguments)
  if arguments[1] == nil then return end
  local prepared, amount, at = {}, 0, 0
  if arguments[1] == "--paths" then
    for path in io.lines(arguments[2]) do
      prepared[amount] = wrk.format("GET", path)
      amount = amount + 1
    end
  else
    local template, step = arguments[1], tonumber(arguments[2])
    amount = tonumber(arguments[3])
    -- A stride that is prime to the amount, so that neighbours are not asked for one after the other.
    for n = 0, amount - 1 do
      prepared[n] = wrk.format("GET", string.format(template, (n * 7919 % amount) * step))
    end
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
