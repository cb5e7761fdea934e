-- Asks the pure part of the rspamd plugin what filters_vectors.py wants to know: LuaJIT alone, with
-- SHA-256 from OpenSSL's libcrypto. A line in: a verb and hexadecimal fields; a line out.
--     luajit filters_probe.lua FOLDER-OF-msmr_judge.lua
local ffi = require 'ffi'

package.path = arg[1] .. '/?.lua;' .. package.path
local judge = require 'msmr_judge'

ffi.cdef 'unsigned char *SHA256(const char *text, size_t len_bytes, unsigned char *hash);'
local crypto = ffi.load('libcrypto.so.3')

local function sha256_hex(text)
  local hash, digits = ffi.new('unsigned char[32]'), {}

  crypto.SHA256(text, #text, hash)
  for i = 0, 31 do
    digits[i + 1] = string.format('%02x', hash[i])
  end
  return table.concat(digits)
end

local function followed(now_s, fixed, ...)
  local last, why

  for _, text in ipairs { ... } do
    local factor, wrong = judge.parse_factor(text, 'file')
    local ok = factor ~= nil

    if factor then
      ok, wrong = judge.may_follow(last, factor, now_s)
    end
    last, why = ok and factor or last, not ok and wrong or why
  end
  local now = judge.factor_now(last, fixed, now_s)
  if not now then
    return 'none', why
  end
  return string.format('%.0f %s %s %s', now.factor,
    now.previous and string.format('%.0f', now.previous) or '-', tostring(now.testing),
    now.source), why
end

local verbs = {
  hash = function(n, b) return sha256_hex(n .. b) end,
  meets = function(h, factor) return tostring(judge.meets(h, tonumber(factor))) end,
  bits = function(h) return string.format('%.6f', judge.bits(h)) end,
  judge = function(factor, key_count, ...)
    local values, keys, signatures = { ... }, {}, {}

    for i, value in ipairs(values) do
      if i <= tonumber(key_count) then
        keys[i] = value
      else
        signatures[#signatures + 1] = judge.parse_signature(value)
      end
    end
    local candidates = judge.bind(keys, signatures, sha256_hex)
    for _, candidate in ipairs(candidates) do
      judge.weigh(candidate, judge.factor_now(nil, tonumber(factor), 0))
    end
    return judge.best(candidates).verdict
  end,
  factor = function(now_s, fixed, ...)
    return (followed(tonumber(now_s), tonumber(fixed), ...))
  end,
  age = function(now_s, value)
    return judge.age_wrong(judge.parse_signature(value), tonumber(now_s)) or 'ok'
  end,
  match = function(address, pattern) return tostring(judge.address_matches(address, pattern)) end,
}

for line in io.lines() do
  local fields = {}

  for field in (line .. '\t'):gmatch('([^\t]*)\t') do
    fields[#fields + 1] = field:gsub('%x%x', function(digits)
      return string.char(tonumber(digits, 16))
    end)
  end
  print(verbs[fields[1]](unpack(fields, 2)))
end
