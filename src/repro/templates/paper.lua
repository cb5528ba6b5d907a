-- Markdown of the paper in, Typst out: the functions of paper.typ take the place of plain tables, pictures and notes.
-- A caption is a paragraph that begins with an anchor such as <a id="table-3">; it stands above its table or below its picture.

local function raw(text) return pandoc.RawInline("typst", text) end
local function text_of(inlines) return pandoc.utils.stringify(inlines) end

-- A Typst string: shows its text literally, whatever it holds.
local function quoted(text)
  return '"' .. text:gsub('\\', '\\\\'):gsub('"', '\\"') .. '"'
end

local function between(left, inlines, right)
  local all = pandoc.Inlines { raw(left) }
  all:extend(inlines)
  all:insert(raw(right))
  return all
end

local function anchor(inline)
  return inline and inline.t == "RawInline" and inline.text:match('^<a id="([%w-]+)">$')
end

-- The label and text of a caption, or nil.
local function caption(block)
  if not block or block.t ~= "Para" then return nil end
  local label = anchor(block.content[1])
  if not label then return nil end
  return label, pandoc.Inlines { table.unpack(block.content, 3) }
end

local function cell_inlines(cell)
  return pandoc.utils.blocks_to_inlines(cell.contents)
end

-- Length of the longest word that cannot be broken.
local function longest_word(text)
  local longest = 0
  for word in text:gmatch("[^%s./_:+-]+") do longest = math.max(longest, utf8.len(word) or #word) end
  return math.min(longest, 20)
end

-- Columns of prose share the width that columns of short entries leave.
-- Whether any does, and the columns for Typst.
local function widths(rows, aligns)
  local long, word, total, count = {}, {}, 0, #aligns
  for column = 1, count do
    long[column], word[column] = 0, 0
    for _, row in ipairs(rows) do
      local text = text_of(cell_inlines(row.cells[column]))
      long[column] = math.max(long[column], utf8.len(text) or #text)
      word[column] = math.max(word[column], longest_word(text))
    end
    total = total + long[column] + 2
  end
  local specs = {}
  for column = 1, count do
    -- Numbers with a spread may break before it; short words may not.
    local narrow = total <= 96 or long[column] <= (aligns[column] == "right" and 14 or 16)
    specs[column] = narrow and "auto" or string.format("%.1ffr", math.max(math.sqrt(math.min(long[column], 200)), 0.5 * word[column] + 1.2))
  end
  return total > 96, table.concat(specs, ", ")
end

local function table_call(block)
  local head, rows = block.head.rows[1], {}
  for _, body in ipairs(block.bodies) do
    for _, row in ipairs(body.body) do rows[#rows + 1] = row end
  end
  local aligns = {}
  for column, spec in ipairs(block.colspecs) do
    aligns[column] = spec[1] == "AlignRight" and "right" or "left"
  end
  local every = { head, table.unpack(rows) }
  -- A short table stays on one page.
  local written = 0
  for _, row in ipairs(rows) do
    for _, cell in ipairs(row.cells) do written = written + #text_of(cell_inlines(cell)) end
  end
  local long = #rows > 16 or written > 2000
  local prose, columns = widths(every, aligns)
  local call = pandoc.Inlines { raw("#papertable(prose: " .. tostring(prose) .. ", (" .. columns .. ",), (" .. table.concat(aligns, ", ") .. ",), (") }
  for _, cell in ipairs(head.cells) do call:extend(between("[", cell_inlines(cell), "], ")) end
  call:insert(raw("), "))
  for _, row in ipairs(rows) do
    for _, cell in ipairs(row.cells) do call:extend(between("[", cell_inlines(cell), "], ")) end
  end
  call:insert(raw(")"))
  return call, long
end

local function percent_decoded(url)
  return (url:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function picture_call(image)
  return "#picture(" .. quoted("/" .. percent_decoded(image.src)) .. ", " .. quoted(text_of(image.caption)) .. ")"
end

local function facts_call(list)
  local call = pandoc.Inlines { raw("#facts(") }
  for _, item in ipairs(list.content) do
    local inlines = pandoc.utils.blocks_to_inlines(item)
    call:extend(between("[", inlines[1].content, "], "))
    call:extend(between("[", pandoc.Inlines { table.unpack(inlines, 3) }, "], "))
  end
  call:insert(raw(")"))
  return pandoc.Plain(call)
end

local function status_blocks(div)
  local blocks = pandoc.Blocks { pandoc.RawBlock("typst", "#status(" .. quoted(div.classes[1]) .. ")[") }
  for _, block in ipairs(div.content) do
    if not (block.t == "Div" and block.classes[1] == "title") then blocks:insert(block) end
  end
  blocks:insert(pandoc.RawBlock("typst", "]"))
  return blocks
end

-- Names from data reach Typst as strings; text that its markup could read as anything else does too.
local function literal(str)
  if str.text:find('[^%w,;:()%%.\128-\255]') or str.text:find("..", 1, true) or str.text:find("^%d+%.$") then
    return raw("#" .. quoted(str.text) .. ";")
  end
end

local function label_anchor(inline)
  if inline.format ~= "html" then return nil end
  local label = anchor(inline)
  return label and raw("#metadata(none)<" .. label .. ">") or {}
end

-- The blocks without those that are for the page only, and the labels of what is left out.
local function for_print(all)
  local blocks, left_out, skipping = pandoc.Blocks {}, {}, false
  for _, block in ipairs(all) do
    local comment = block.t == "RawBlock" and block.text or ""
    if comment:find("<!-- page only -->", 1, true) then skipping = true end
    if not skipping then
      blocks:insert(block)
    else
      local label = caption(block)
      if label then left_out["#" .. label] = true end
    end
    if comment:find("<!-- end of page only -->", 1, true) then skipping = false end
  end
  return blocks, left_out
end

local function assemble(doc)
  local blocks, left_out = for_print(doc.blocks)
  local out, index, appendix = pandoc.Blocks {}, 1, false
  while index <= #blocks do
    local block, following = blocks[index], blocks[index + 1]
    local label, words = caption(block)
    if block.t == "Header" and block.level == 1 then
      doc.meta.title = pandoc.MetaInlines(block.content)
      if following.t == "BulletList" then
        out:insert(facts_call(following))
        index = index + 1
      end
    elseif block.t == "Header" then
      block.level = block.level - 1
      if not appendix and text_of(block.content):find("^Appendix") then
        appendix = true
        out:insert(pandoc.RawBlock("typst", "#appendix.update(true)"))
      end
      if appendix or text_of(block.content) == "References" then out:insert(pandoc.RawBlock("typst", "#place.flush()")) end
      out:insert(block)
    elseif block.t == "RawBlock" and block.text:find("all figures above this line", 1, true) then
      out:insert(pandoc.RawBlock("typst", "#place.flush()"))
    elseif block.t == "Div" and block.classes[1] then
      out:extend(status_blocks(block))
    elseif label and following and following.t == "Table" then
      local body, long = table_call(following)
      local call = between("#captioned(" .. quoted(label) .. ", kind: table, breakable: " .. tostring(long) .. ", [", words, "], [")
      call:extend(body)
      call:insert(raw("])"))
      out:insert(pandoc.Plain(call))
      index = index + 1
    elseif block.t == "Para" and #block.content == 1 and block.content[1].t == "Image" and caption(following) then
      local name, below = caption(following)
      -- Similarity sheets come in number: floated, each would take half a page of its own.
      local float = not appendix and not block.content[1].src:find("figures/claims", 1, true) and not block.content[1].src:find("figures/similar-", 1, true)
      local left = "#captioned(" .. quoted(name) .. ", kind: image, float: " .. tostring(float) .. ", ["
      local call = between(left, below, "], [" .. picture_call(block.content[1]) .. "])")
      out:insert(pandoc.Plain(call))
      index = index + 1
    else
      out:insert(block)
    end
    index = index + 1
  end
  -- A link to what is left out would lead nowhere.
  doc.blocks = out:walk {
    Link = function(link)
      if left_out[link.target] then return link.content .. pandoc.Inlines { pandoc.Str(" of the page") } end
    end,
  }
  for _, key in ipairs { "study", "commit" } do
    doc.meta[key] = pandoc.MetaInlines { raw("#" .. quoted(text_of(doc.meta[key]))) }
  end
  return doc
end

return { { Pandoc = assemble }, { Str = literal, RawInline = label_anchor } }
