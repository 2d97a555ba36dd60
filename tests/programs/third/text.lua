-- A text of so many lines, held in memory: its words counted, the counts sorted, one word replaced, and the lines joined again.
collectgarbage("generational")
local count, seed = tonumber(arg[1]), 12345
local function random(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed // 65536 % n
end
local words, lines = {}, {}
for i = 1, 800 do words[i] = ("%c%c%d"):format(97 + random(26), 97 + random(26), random(1000)) end
for i = 1, count do
    local line = {}
    for j = 1, 20 + random(40) do line[j] = words[1 + random(1 + random(800))] end
    lines[i] = table.concat(line, " ")
end

local counts, order = {}, {}
for _, line in ipairs(lines) do
    for word in line:gmatch("%w+") do counts[word] = (counts[word] or 0) + 1 end
end
for word in pairs(counts) do order[#order + 1] = word end
table.sort(order, function(a, b) return counts[a] > counts[b] or counts[a] == counts[b] and a < b end)
for i = 1, 5 do print(order[i], counts[order[i]]) end

local replaced = 0
for i, line in ipairs(lines) do
    local changes
    lines[i], changes = line:gsub("%f[%w]" .. order[1] .. "%f[%W]", "%0 again")
    replaced = replaced + changes
end
local joined = table.concat(lines, "\n")
local _, ends = joined:gsub("\n", "")
print(#lines, #joined, ends, replaced)
