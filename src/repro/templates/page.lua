-- Markdown of the paper in, HTML out: captions join their tables and pictures, tables may be scrolled on a phone.

local function text_of(inlines) return pandoc.utils.stringify(inlines) end

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

local function html(text) return pandoc.RawBlock("html", text) end

local function assemble(doc)
  local out, blocks, index = pandoc.Blocks {}, doc.blocks, 1
  while index <= #blocks do
    local block, following = blocks[index], blocks[index + 1]
    local label, words = caption(block)
    if block.t == "Header" and block.level == 1 then
      doc.meta.title = pandoc.MetaInlines(block.content)
      if following and following.t == "BulletList" then
        doc.meta.facts = pandoc.MetaBlocks { following }
        index = index + 1
      end
    elseif block.t == "RawBlock" and block.text:find("test images", 1, true) then
      out:insert(html('<div id="threshold" class="widget" hidden></div><div id="browser" class="widget" hidden></div>'))
    elseif block.t == "RawBlock" and block.text:find("^<!%-%-") then
      -- For the PDF.
    elseif label and following and following.t == "Table" then
      local name = text_of(words):match("^%S+ %d+")
      out:insert(html('<figure class="table" id="' .. label .. '"><figcaption>'))
      out:insert(pandoc.Plain(words))
      out:insert(html('</figcaption><div class="scroll" tabindex="0" role="region" aria-label="' .. name .. '">'))
      out:insert(following)
      out:insert(html("</div></figure>"))
      index = index + 1
    elseif block.t == "Para" and #block.content == 1 and block.content[1].t == "Image" and caption(following) then
      local name, below = caption(following)
      local image = block.content[1]
      image.attributes.loading = "lazy"
      out:insert(html('<figure class="picture" id="' .. name .. '">'))
      out:insert(pandoc.Plain { image })
      out:insert(html("<figcaption>"))
      out:insert(pandoc.Plain(below))
      out:insert(html("</figcaption></figure>"))
      index = index + 1
    else
      out:insert(block)
    end
    index = index + 1
  end
  doc.blocks = out
  return doc
end

return { { Pandoc = assemble } }
