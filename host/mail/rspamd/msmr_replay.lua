--[[
Deliveries, which the rspamd plugin counts in Redis so that replays are seen: for each signature a
sorted set of recipients by their number of deliveries, and when the first was. Recipients are there
as hashes.

    local deliveries = require("msmr_replay").new(module, settings, sha256_hex)
                                   replay_prefix, replay_secret, and Redis of rspamd's; nil: no Redis
    deliveries.note(task, signature, recipients, now_s, told)
                                   calls told(err) or told(nil, noted), once: noted.recipients of the
                                   signature, .most deliveries to one of them, .first_s
    deliveries.take_back(task, noted)
                                   that delivery did not happen
]]--

local M = {}

local judge = require "msmr_judge"
local lua_redis = require "lua_redis"
local rspamd_logger = require "rspamd_logger"

M.recipients_max = 1000 -- of a signature: so many addresses of its To: and Cc: count, too

local settings, sha256_hex
local note_script, undo_script

--[[ Both keys go at the same time, which never moves ahead: the earlier of those that were asked for.
A signature learns no more than ARGV[2] recipients, all of them are too many by then.
KEYS: the set, first sight. ARGV: now, recipients at most, forget at, recipients...
Returns recipients, deliveries to the one who got it most often, first sight. ]]--
local note_lua = [[
local first = redis.call('GET', KEYS[2])
if not first then
  first = ARGV[1]
  redis.call('DEL', KEYS[1])
  redis.call('SET', KEYS[2], first)
  redis.call('EXPIREAT', KEYS[2], ARGV[3])
end
local count = redis.call('ZCARD', KEYS[1])
for i = 4, #ARGV do
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) then
    redis.call('ZINCRBY', KEYS[1], 1, ARGV[i])
  else
    count = count + 1
    if count <= tonumber(ARGV[2]) then
      redis.call('ZADD', KEYS[1], 1, ARGV[i])
    end
  end
end
local left = redis.call('TTL', KEYS[2])
if tonumber(ARGV[1]) + left > tonumber(ARGV[3]) then
  redis.call('EXPIREAT', KEYS[2], ARGV[3])
end
redis.call('EXPIRE', KEYS[1], math.max(redis.call('TTL', KEYS[2]), 1))
local most = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return {count, tonumber(most[2] or 0), tonumber(first)}
]]

-- The delivery did not happen. KEYS: the set. ARGV: recipients.
local undo_lua = [[
for i = 1, #ARGV do
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) then
    if tonumber(redis.call('ZINCRBY', KEYS[1], -1, ARGV[i])) < 1 then
      redis.call('ZREM', KEYS[1], ARGV[i])
    end
  end
end
return 1
]]

local function note(task, signature, recipients, now_s, told)
  local id = sha256_hex(signature.a .. '\0' .. judge.decode_base64(signature.b))
  local key = string.format('%s{%s}', settings.replay_prefix, id)
  local forget_s = math.max(judge.remember_until(signature, now_s), now_s + 1)
  local names, args = {}, { string.format('%.0f', now_s), string.format('%.0f', M.recipients_max),
    string.format('%.0f', forget_s) }

  for i, address in ipairs(recipients) do
    names[i] = sha256_hex(settings.replay_secret .. '\0' .. id .. '\0' .. address):sub(1, 32)
    args[#args + 1] = names[i]
  end
  local is_sent = lua_redis.exec_redis_script(note_script,
    { task = task, is_write = true, key = key }, function(err, data)
      if err or type(data) ~= 'table' then
        return told(err or tostring(data))
      end
      told(nil, {
        recipients = tonumber(data[1]), most = tonumber(data[2]), first_s = tonumber(data[3]),
        key = key .. 'n', names = names,
      })
    end, { key .. 'n', key .. 'f' }, args)
  if not is_sent then
    told('no server')
  end
end

local function take_back(task, noted)
  lua_redis.exec_redis_script(undo_script, { task = task, is_write = true, key = noted.key },
    function(err)
      if err then
        rspamd_logger.errx(task, 'cannot take back a delivery: %s', err)
      end
    end, { noted.key }, noted.names)
end

function M.new(module, with, sha256)
  local redis_params = lua_redis.parse_redis_server(module)

  if not redis_params then
    return nil
  end
  settings, sha256_hex = with, sha256
  note_script = lua_redis.add_redis_script(note_lua, redis_params)
  undo_script = lua_redis.add_redis_script(undo_lua, redis_params)
  return { note = note, take_back = take_back }
end

return M
