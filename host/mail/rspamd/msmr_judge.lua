--[[
What an MSMR-Key is worth, as far as no mail filter is needed to tell: tag-lists, base64, the hash,
exact arithmetic, the factor and its document. Pure: nothing of rspamd, no clock, no file; SHA-256
is handed in. Runs in plain Lua 5.1 and LuaJIT, so that it can be tried without rspamd:

    local judge = require "msmr_judge"
    local candidates = judge.bind(keys, signatures, sha256_hex)
    judge.weigh(candidates[1], judge.factor_now(factor, now))

Functions that can fail return nil and a text that says why. All input is a stranger's: lengths and
counts are bounded before anything is done with it.
]]--

local M = {}

M.keys_max = 8 -- signatures and keys that are looked at in one message
M.fields_max = 64 -- DKIM-Signature fields that are parsed at all
M.factor_max = 9007199254740991 -- 2^53 - 1: exact in JSON and in a double
M.document_max_bytes = 16384
M.age_max_s = 28 * 86400
M.ahead_max_s = 3600 -- of t=
M.future_max_s = 300 -- of a document's "issued"

local tags_max = 64
local value_max_bytes = 65536
local algorithms = { ['rsa-sha256'] = true, ['ed25519-sha256'] = true }

-- SP, HTAB, CR, LF and no other: not %s, which takes VT and FF too.
local white = '[ \t\r\n]'

-- From the end byte by byte: a pattern that ends in '$' is tried at each run of white space, which
-- is quadratic in a text that is made for it.
local function trim(text)
  local from, to = text:match('^' .. white .. '*()'), #text

  while to >= from and text:find('^' .. white, to) do
    to = to - 1
  end
  return text:sub(from, to)
end

-- RFC 6376 section 3.2. A table of values by name; a tag that stands twice makes it malformed.
function M.parse_taglist(text)
  local tags, count, at = {}, 0, 1

  if #text > value_max_bytes then
    return nil, 'tag-list: longer than 64 KiB'
  end
  repeat
    local name, value, next_at = text:match('^' .. white .. '*([A-Za-z][A-Za-z0-9_]*)' .. white ..
      '*=([^;]*)();?', at)

    if not name then
      return nil, 'tag-list: a tag without a name or "="'
    end
    if value:find('[^\33-\126 \t\r\n]') then
      return nil, "tag-list: a character that a tag's value cannot have"
    end
    if tags[name] then
      return nil, 'tag-list: a tag stands twice'
    end
    count = count + 1
    if count > tags_max then
      return nil, 'tag-list: more than 64 tags'
    end
    tags[name] = trim(value)
    at = next_at + 1
  until text:find('^' .. white .. '*$', at) -- past the ';', which may be the last character
  return tags
end

local sextets = {}
for i = 1, 64 do
  sextets[('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'):byte(i)] = i - 1
end

-- The bytes of canonical base64, nil for any other text: padding left out, unused bits set,
-- characters that do not belong there. (b= is malleable: DKIM verifiers take all of those.)
function M.decode_base64(text)
  local body, padding = text:match('^([A-Za-z0-9+/]*)(=*)$')
  local out, bits, bit_count = {}, 0, 0

  if not body or #text % 4 ~= 0 or #padding > 2 then
    return nil
  end
  for i = 1, #body do
    bits = bits * 64 + sextets[body:byte(i)]
    bit_count = bit_count + 6
    if bit_count >= 8 then
      local unit = 2 ^ (bit_count - 8)

      out[#out + 1] = string.char(math.floor(bits / unit))
      bits = bits % unit
      bit_count = bit_count - 8
    end
  end
  if bits ~= 0 then
    return nil
  end
  return table.concat(out)
end

-- b= without white space, where it is usable.
function M.normalize_b(text)
  local b = text:gsub(white .. '+', '')

  if #b < 4 or #b > 2048 then
    return nil, 'b=: not 4 to 2048 characters'
  end
  if not M.decode_base64(b) then
    return nil, 'b=: not canonical base64'
  end
  return b
end

local function number_of(text)
  return text and text:match('^%d+$') and tonumber(text) or nil
end

-- What is read of a DKIM-Signature; nil where it is to be passed over as if it were absent.
function M.parse_signature(value)
  local tags, why = M.parse_taglist(value)
  local b

  if not tags then
    return nil, why
  end
  if tags.v ~= '1' then
    return nil, 'DKIM-Signature: v= is not 1'
  end
  if not algorithms[tags.a or ''] then
    return nil, 'DKIM-Signature: a= is neither rsa-sha256 nor ed25519-sha256'
  end
  b, why = M.normalize_b(tags.b or '')
  if not b then
    return nil, why
  end
  local signed = {} -- how often h= names a field
  for name in (tags.h or ''):gmatch('[^:]+') do
    name = trim(name):lower()
    signed[name] = (signed[name] or 0) + 1
  end
  return {
    a = tags.a, b = b, d = tags.d, s = tags.s, signed = signed,
    has_l = tags.l ~= nil, t = number_of(tags.t), x = number_of(tags.x),
  }
end

-- An MSMR-Key's value. On an error nil, the verdict ('permerror' or 'neutral') and why.
function M.parse_key(value)
  local tags, why = M.parse_taglist(value)

  if not tags then
    return nil, 'permerror', why
  end
  -- The proposal's own example has no ';' between n= and h=.
  local n, h = (tags.n or ''):match('^(%x+)' .. white .. '+h=(%x+)$')
  if n then
    if tags.h then
      return nil, 'permerror', 'MSMR-Key: h= stands twice'
    end
    tags.n, tags.h = n, h
  end
  if not tags.v then
    return nil, 'permerror', 'MSMR-Key: no v='
  end
  if tags.v ~= '1' then
    return nil, 'neutral', 'MSMR-Key: v= is a version that is not ours'
  end
  if not tags.a then
    return nil, 'permerror', 'MSMR-Key: no a='
  end
  if not algorithms[tags.a] then
    return nil, 'neutral', 'MSMR-Key: a= is an algorithm that is not ours'
  end
  if not tags.n or #tags.n > 64 or not tags.n:find('^%x+$') then
    return nil, 'permerror', 'MSMR-Key: n= is not 1 to 64 hexadecimal digits'
  end
  if not tags.h or #tags.h ~= 64 or not tags.h:find('^%x+$') then
    return nil, 'permerror', 'MSMR-Key: h= is not 64 hexadecimal digits'
  end
  return { a = tags.a, n = tags.n, h = tags.h:lower() }
end

-- True where h (64 hexadecimal digits) times factor is below 2^256. Limbs of 16 bits: no sum of
-- products comes near 2^53, so every step is exact in doubles.
function M.meets(h, factor)
  local product, limbs, limb_count = {}, {}, 0

  for i = 1, 20 do
    product[i] = 0
  end
  while factor > 0 do
    limb_count = limb_count + 1
    limbs[limb_count] = factor % 65536
    factor = math.floor(factor / 65536)
  end
  for i = 1, 16 do -- from the lowest limb
    local digit, carry = tonumber(h:sub(65 - 4 * i, 68 - 4 * i), 16), 0

    for j = 1, 4 do
      local sum = product[i + j - 1] + digit * (limbs[j] or 0) + carry

      product[i + j - 1] = sum % 65536
      carry = math.floor(sum / 65536)
    end
    product[i + 4] = carry
  end
  return product[17] == 0 and product[18] == 0 and product[19] == 0 and product[20] == 0
end

-- The work that a hash shows, in bits: for people, not for decisions.
function M.bits(h)
  local zeros, digits = h:match('^(0*)(%x*)$')

  if digits == '' then
    return 256
  end
  local top = digits:sub(1, 13)
  return 256 - 4 * (64 - #zeros - #top) - math.log(tonumber(top, 16)) / math.log(2)
end

local ranks = { pass = 1, policy = 2, temperror = 3, fail = 4, neutral = 5, permerror = 6, none = 7 }

-- One candidate for each of the first keys: keys are field values, signatures what parse_signature
-- gave, from the top. Verdict 'bound' where a signature gives the hash; it is still to be weighed.
function M.bind(keys, signatures, sha256_hex)
  local candidates = {}

  for i = 1, math.min(#keys, M.keys_max) do
    local key, verdict, why = M.parse_key(keys[i])
    local candidate = { key = key, verdict = verdict, why = why, bits = 0 }

    if key then
      candidate.verdict = 'fail'
      candidate.why = #signatures == 0 and 'no usable DKIM-Signature'
        or 'no usable DKIM-Signature gives this hash'
      for j = 1, math.min(#signatures, M.keys_max) do
        if signatures[j].a == key.a and sha256_hex(key.n .. signatures[j].b) == key.h then
          candidate.verdict, candidate.why = 'bound', ''
          candidate.signature = signatures[j]
          candidate.bits = M.bits(key.h)
          break
        end
      end
    end
    candidates[i] = candidate
  end
  return candidates
end

-- Turns 'bound' into pass, policy or temperror, by what factor_now gave (nil: none to be had).
function M.weigh(candidate, now)
  if candidate.verdict ~= 'bound' then
    return
  end
  if not now then
    candidate.verdict, candidate.why = 'temperror', 'the factor cannot be had now'
    return
  end
  candidate.factor, candidate.source = now.factor, now.source
  candidate.verdict = 'pass'
  if M.meets(candidate.key.h, now.factor) then
    return
  end
  if now.previous and M.meets(candidate.key.h, now.previous) then
    candidate.factor, candidate.source = now.previous, now.previous_source
    return
  end
  candidate.verdict, candidate.why, candidate.is_short = 'policy', 'the factor is not met', true
end

-- The best result counts; of equal ones that which shows more work, then the upper one.
function M.best(candidates)
  local best = { verdict = 'none', why = 'no MSMR-Key', bits = 0 }

  for _, candidate in ipairs(candidates) do
    local rank, best_rank = ranks[candidate.verdict], ranks[best.verdict]

    if rank < best_rank or (rank == best_rank and candidate.bits > best.bits) then
      best = candidate
    end
  end
  return best
end

--[[ JSON: enough for a factor document, and no more than JSON (libucl takes macros and includes,
which a stranger's text must not have). Returns the value and where it ends; nil where it is none. ]]--
local read_json

local function skip(text, at)
  return text:match('^' .. white .. '*()', at)
end

local function read_object(text, at, depth)
  local object = {}

  at = skip(text, at + 1)
  if text:sub(at, at) == '}' then
    return object, at + 1
  end
  while true do
    local name, after = text:match('^"([%w_-]*)"' .. white .. '*:()', at)
    local value

    if not name or object[name] ~= nil then -- no member twice
      return nil
    end
    value, at = read_json(text, after, depth + 1)
    if value == nil then
      return nil
    end
    object[name] = value
    at = skip(text, at)
    local sign = text:sub(at, at)
    if sign == '}' then
      return object, at + 1
    end
    if sign ~= ',' then
      return nil
    end
    at = skip(text, at + 1)
  end
end

local function read_array(text, at, depth)
  local array, value = {}, nil

  at = skip(text, at + 1)
  if text:sub(at, at) == ']' then
    return array, at + 1
  end
  while true do
    value, at = read_json(text, at, depth + 1)
    if value == nil then
      return nil
    end
    array[#array + 1] = value
    at = skip(text, at)
    local sign = text:sub(at, at)
    if sign == ']' then
      return array, at + 1
    end
    if sign ~= ',' then
      return nil
    end
    at = at + 1
  end
end

local words = { ['true'] = true, ['false'] = false, null = 'null' }

function read_json(text, at, depth)
  at = skip(text, at)
  local sign = text:sub(at, at)

  if depth > 8 then
    return nil
  elseif sign == '{' then
    return read_object(text, at, depth)
  elseif sign == '[' then
    return read_array(text, at, depth)
  elseif sign == '"' then
    local from = at + 1
    repeat -- to the quote that has no backslash before it; escapes stay as they stand
      at = text:match('^[^"\\%c]*()', at + 1)
      sign = text:sub(at, at)
      at = sign == '\\' and at + 1 or at
    until sign ~= '\\'
    if sign ~= '"' then
      return nil
    end
    return { text = text:sub(from, at - 1) }, at + 1
  end
  local number, after = text:match('^(-?%d+%.?%d*[eE]?[+-]?%d*)()', at)
  if number and tonumber(number) and not number:find('^-?0%d') then
    -- 1e3 is a number, but no integer: what needs one must not see it as such
    return number:find('^-?%d+$') and tonumber(number) or { real = number }, after
  end
  local word
  word, after = text:match('^(%l+)()', at)
  return words[word], after
end

local function whole(value, low, high)
  return type(value) == 'number' and value >= low and value <= high and value % 1 == 0
end

local kinds = { authority = true, provider = true, ['local'] = true }

-- The members of a document that a verifier needs, each checked for its type and range.
local function check_document(json)
  local text = function(name)
    return type(json[name]) == 'table' and json[name].text or nil
  end
  local issuer = text('issuer')
  local previous = json.previous

  if json.v ~= 1 then
    return nil, 'v is not 1'
  end
  if not issuer or #issuer < 1 or #issuer > 78 or issuer:find('[^!-~]') or
    issuer:find('["\\#]') then
    return nil, 'issuer is no name'
  end
  if not kinds[text('kind') or ''] then
    return nil, 'kind is none of authority, provider, local'
  end
  for _, name in ipairs { 'epoch', 'issued', 'expires', 'factor' } do
    if not whole(json[name], name == 'issued' and 0 or 1, M.factor_max) then
      return nil, name .. ' is not a whole number from 1 to 2^53-1'
    end
  end
  if json.expires <= json.issued then
    return nil, 'expires is not after issued'
  end
  if json.mode ~= nil and not text('mode') then
    return nil, 'mode is not a text'
  end
  local document = {
    is_document = true, issuer = issuer, epoch = json.epoch, issued = json.issued,
    expires = json.expires, factor = json.factor, testing = text('mode') == 'testing',
    source = string.format('%s#%.0f', issuer, json.epoch),
  }
  if previous ~= nil then
    if type(previous) ~= 'table' or not whole(previous.epoch, 1, json.epoch - 1) or
      not whole(previous.factor, 1, M.factor_max) or
      not whole(previous['until'], 0, M.factor_max) then
      return nil, 'previous has no epoch below, factor or until'
    end
    document.previous, document.previous_until = previous.factor, previous['until']
    document.previous_source = string.format('%s#%.0f', issuer, previous.epoch)
  end
  return document
end

-- What `frank factor --json` prints: the source in force, as the document that it was; or, where
-- that was none (a file, DNS), its factor and name.
local function read_record(json)
  for _, source in ipairs(json.sources) do
    if type(source) == 'table' and source.in_force == true and
      whole(source.epoch, 1, M.factor_max) then
      local previous

      if type(source.previous_factor) == 'number' then
        previous = {
          epoch = source.epoch - 1, factor = source.previous_factor,
          ['until'] = source.previous_until,
        }
      end
      return check_document {
        v = 1, issuer = source.issuer, kind = source.published_as, epoch = source.epoch,
        issued = source.issued, expires = source.expires, factor = source.factor,
        mode = source.testing == true and { text = 'testing' } or nil, previous = previous,
      }
    end
  end
  local name = type(json.source) == 'table' and json.source.text or ''
  if not whole(json.factor, 1, M.factor_max) or not name:find('^[!-~]+$') or #name > 95 then
    return nil, 'a record without factor and source'
  end
  return { factor = json.factor, source = name }
end

-- A factor as an operator or an authority gives it: a number alone, the JSON document, or what
-- `frank factor --json` prints.
function M.parse_factor(text, source)
  local number

  if #text > M.document_max_bytes then
    return nil, 'longer than 16 KiB'
  end
  text = trim(text)
  number = number_of(text)
  if number then
    if not whole(number, 1, M.factor_max) then
      return nil, 'the number is not from 1 to 2^53-1'
    end
    return { factor = number, source = source }
  end
  if text:sub(1, 1) ~= '{' then
    return nil, 'neither a number nor a factor document'
  end
  local json, after = read_json(text, 1, 1)
  if not json or after ~= #text + 1 then
    return nil, 'not JSON'
  end
  if json.v == nil and type(json.sources) == 'table' then
    return read_record(json)
  end
  return check_document(json)
end

-- Whether `new` may take the place of `last` (nil: there is none): true, or false and why.
function M.may_follow(last, new, now_s)
  if not new.is_document then
    return true
  end
  if new.issued > now_s + M.future_max_s then
    return false, 'issued in the future'
  end
  if new.expires <= now_s then
    return false, 'expired'
  end
  if not last or not last.is_document or last.expires <= now_s then
    return true
  end
  if new.issuer ~= last.issuer then
    return false, 'another issuer than before'
  end
  if new.epoch < last.epoch or (new.epoch == last.epoch and new.factor ~= last.factor) then
    return false, 'its epoch goes back, or has another factor than before'
  end
  return true
end

-- What a stamp must meet at now_s: the factor from the map while it has not expired, else the
-- fixed one (nil or 0: none). nil where there is none.
function M.factor_now(from_map, fixed, now_s)
  if from_map and not (from_map.is_document and from_map.expires <= now_s) then
    local in_time = from_map.previous and now_s < from_map.previous_until

    return {
      factor = from_map.factor, source = from_map.source, testing = from_map.testing or false,
      previous = in_time and from_map.previous or nil, previous_source = from_map.previous_source,
    }
  end
  if fixed and fixed > 0 then
    return { factor = fixed, source = 'config', testing = false }
  end
  return nil
end

-- Rule age: nil where t= and x= are in order, else why not.
function M.age_wrong(signature, now_s)
  if signature.t and signature.t < now_s - M.age_max_s then
    return 'signed more than 28 days ago'
  end
  if signature.t and signature.t > now_s + M.ahead_max_s then
    return 'signed more than an hour ahead'
  end
  if signature.x and signature.x < now_s then
    return 'the signature has expired'
  end
  return nil
end

-- When a delivery may be forgotten. An x= that is past says nothing: else what rule age lets by when
-- it is off would never be remembered.
function M.remember_until(signature, now_s)
  local x = signature.x and signature.x > now_s and signature.x or math.huge

  return math.min(now_s + M.age_max_s, x)
end

-- True where a pattern names the address: all of it, its domain, or a domain below ("*.example").
function M.address_matches(address, pattern)
  local domain = address:match('@([^@]*)$')

  pattern = pattern:lower()
  if pattern:find('^.+@') then
    return address == pattern
  end
  if pattern:sub(1, 2) == '*.' then
    return domain ~= nil and #domain > #pattern - 1 and domain:sub(1 - #pattern) == pattern:sub(2)
  end
  return domain ~= nil and domain == (pattern:gsub('^@', ''))
end

return M
