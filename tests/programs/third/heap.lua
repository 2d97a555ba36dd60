-- A garbage-collected heap larger than RAM: strings, tables, closures, coroutines, sorting, and a sum over all of it.
local words, seed = {}, 12345
local function random(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed % n
end
for i = 1, 2000 do
    words[i] = { key = string.format("%06d", random(1000000)), text = string.rep(string.char(97 + random(26)), random(200)) }
end
table.sort(words, function(a, b) return a.key < b.key end)
local producer = coroutine.wrap(function()
    for _, word in ipairs(words) do coroutine.yield(word) end
end)
local sum, length, last = 0, 0, ""
for word in producer do
    assert(word.key >= last)
    last = word.key
    sum = (sum * 31 + tonumber(word.key)) % 4294967296
    length = length + #word.text
end
local parts = {}
for round = 1, 20 do
    for i = 1, 500 do parts[i] = (words[i].text:gsub("a", "b")) .. round end
    collectgarbage("step")
end
print(sum, length, #table.concat(parts), select(2, ("x"):rep(1000):gsub("x", "y")))
