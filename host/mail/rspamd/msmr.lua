--[[
rspamd plugin: judges MSMR-Key header fields of inbound mail, and gives a symbol for it.

    MSMR_CHECK (filter)   fields -> msmr_judge -> DKIM of the bound signatures -> mail rules
                          -> Redis counts the deliveries -> one symbol
    MSMR_LATE (then)      what has got no answer is judged without
    MSMR_UNDO (last)      a delivery that is put off for now (soft reject) was none
    MSMR_REPORT (last)    tells an authority, if asked to, what stamped mail turned out to be

It adds scores and never rejects. README.md and msmr.conf say what can be set.
]]--

if confighelp then
  return
end

local N = 'msmr'
local E = {}

-- rspamd looks for modules in /etc/rspamd/lua, wherever its configuration lies.
package.path = string.format('%s/lua/?.lua;%s', rspamd_paths['LOCAL_CONFDIR'], package.path)
local judge = require "msmr_judge"
local msmr_replay = require "msmr_replay"
local msmr_report = require "msmr_report"
local lua_util = require "lua_util"
local rspamd_cryptobox_hash = require "rspamd_cryptobox_hash"
local rspamd_logger = require "rspamd_logger"
local rspamd_util = require "rspamd_util"

local rule_names = { 'dkim', 'cover', 'recipient', 'age', 'replay' }
local why_max_bytes = 160
local repeats_max = 3 -- deliveries to one recipient that are no replay

local settings = {
  factor = 1048576,
  rules = rule_names,
  lists = {},
  check_local = false,
  check_authed = false,
  report_none = true,
  replay_prefix = 'msmr',
  replay_secret = '',
  report_interval = 600,
}

local scores = {
  MSMR_PASS = { -2.0, 'a stamp whose work meets the factor, on mail that keeps the rules' },
  MSMR_POLICY = { 0.1, 'a stamp whose work or mail does not keep the rules' },
  MSMR_FAIL = { 0.5, 'a stamp that belongs to no signature of the message' },
  MSMR_REPLAY = { 1.0, 'a stamp that was delivered too often' },
  MSMR_NEUTRAL = { 0.0, 'a stamp of a version or algorithm that is not known' },
  MSMR_PERMERROR = { 0.0, 'a stamp that is malformed' },
  MSMR_TEMPERROR = { 0.0, 'a stamp that could not be judged now' },
  MSMR_NONE = { 0.0, 'no stamp' },
}

local rules = {} -- name -> true
local factor_from_map
local deliveries -- counted, where there is Redis
local dkim_verify = rspamd_plugins.dkim and rspamd_plugins.dkim.verify

local function sha256_hex(text)
  return rspamd_cryptobox_hash.create_specific('sha256', text):hex()
end

-- Fields of a name from the top: the value as it stood in the message, and what rspamd made of it.
local function fields_of(task, name, max)
  local fields = {}

  for _, header in ipairs(task:get_header_full(name) or E) do
    fields[#fields + 1] = header
  end
  table.sort(fields, function(a, b) return a.order < b.order end)
  for i = 1, #fields do
    if i > max then
      fields[i] = nil
    else
      local raw = fields[i].raw or ''

      fields[i] = {
        text = raw:match('^[^:]*:(.*)$') or '', value = fields[i].value or '',
        decoded = fields[i].decoded or '',
      }
    end
  end
  return fields
end

local function without_white(text)
  return (text:gsub('[ \t\r\n]+', ''))
end

-- The signatures that a stamp can be bound to, from the top.
local function signatures_of(task)
  local signatures = {}

  for _, field in ipairs(fields_of(task, 'DKIM-Signature', judge.fields_max)) do
    local signature = judge.parse_signature(field.text)

    if signature then
      signature.decoded = field.decoded
      -- rspamd verifies what it has decoded: that must be what was read here.
      signature.is_same = without_white(field.text) == without_white(field.decoded)
      signatures[#signatures + 1] = signature
      if #signatures == judge.keys_max then
        break
      end
    end
  end
  return signatures
end

local function is_exempt(address)
  for _, pattern in ipairs(settings.lists) do
    if judge.address_matches(address, pattern) then
      return true
    end
  end
  return false
end

local function text_of_address(entry)
  if not entry.user or not entry.domain or entry.user == '' or entry.domain == '' then
    return nil
  end
  return (entry.user:match('^"([%w.!#$%%&\'*+/=?^_`{|}~-]+)"$') or entry.user):lower() .. '@' ..
    entry.domain:lower()
end

-- The addresses in the signed To: and Cc:, as a set, and how many of them are no lists. Where h=
-- names a field n times the n lowest are signed (RFC 6376 section 5.4.2).
local function addressed_by(task, signature)
  local set, count, seen = {}, 0, 0

  for _, name in ipairs { 'To', 'Cc' } do
    local fields = fields_of(task, name, math.huge)
    local covered = signature.signed[name:lower()] or 0

    for i = math.max(1, #fields - covered + 1), #fields do
      local parsed = rspamd_util.parse_mail_address(fields[i].value, task:get_mempool())

      for _, entry in ipairs(parsed or E) do
        local address = text_of_address(entry)

        seen = seen + 1
        if address and not set[address] and seen <= msmr_replay.recipients_max then
          set[address] = true
          count = count + (is_exempt(address) and 0 or 1)
        end
      end
    end
  end
  return set, count
end

-- The envelope: distinct recipients that are no lists; `strange` counts those that are no addresses.
local function envelope_of(task)
  local recipients, seen, strange = {}, {}, 0

  for _, entry in ipairs(task:get_recipients('smtp') or E) do
    local address = text_of_address(entry)

    if not address then
      strange = strange + 1
    elseif not seen[address] and not is_exempt(address) then
      seen[address] = true
      recipients[#recipients + 1] = address
    end
  end
  return recipients, strange
end

-- The rules after dkim and before replay: nil, or why one does not hold.
local function rule_broken(task, signature, set, now_s)
  if rules.cover then
    if signature.has_l then
      return 'cover: the signature has l='
    end
    if not signature.signed.to then
      return 'cover: To: is not signed'
    end
    if #(task:get_header_full('To') or E) ~= 1 then
      return 'cover: not exactly one To:'
    end
  end
  if rules.recipient then
    local recipients, strange = envelope_of(task)

    if strange > 0 then
      return 'recipient: of the envelope is no address'
    end
    for _, address in ipairs(recipients) do
      if not set[address] then
        return 'recipient: not in the signed To: or Cc:'
      end
    end
  end
  local why = rules.age and judge.age_wrong(signature, now_s)
  return why and 'age: ' .. why or nil
end

-- Takes the rules into account, for a candidate whose hash is right.
local function apply_rules(task, candidate, dkim, now_s)
  local signature = candidate.signature
  local result = signature and dkim[signature] or E
  local why

  if not signature then
    return
  end
  candidate.dkim_passed = result.passed
  candidate.set, candidate.addressed = addressed_by(task, signature)
  local is_unknown = rules.dkim and not result.passed and result.is_temporary
  if rules.dkim and not result.passed and not is_unknown then
    why = 'dkim: ' .. (result.why or 'not verified')
  else
    why = rule_broken(task, signature, candidate.set, now_s)
  end
  -- What is against a rule whatever else comes out goes before what is not known now.
  if why and candidate.verdict ~= 'policy' then
    candidate.verdict, candidate.why = 'policy', why
  elseif is_unknown and candidate.verdict == 'pass' then
    candidate.verdict, candidate.why = 'temperror', 'dkim: ' .. result.why
  end
end

local function tell(task, best, testing)
  local symbol = best.is_replay and 'MSMR_REPLAY' or 'MSMR_' .. best.verdict:upper()
  local options = {}

  if best.signature then
    options = { string.format('%.2f bits', best.bits), 'b=' .. best.signature.b:sub(1, 8) }
    if best.factor then
      table.insert(options, 2, string.format('factor %.0f', best.factor))
      table.insert(options, 3, best.source)
    end
  end
  if best.why and best.why ~= '' then
    -- rspamd repeats what a stranger has written
    options[#options + 1] = best.why:gsub('[^ -~]+', ' '):sub(1, why_max_bytes)
  end
  if testing then
    options[#options + 1] = 'testing'
  end
  best.symbol = symbol
  task:insert_result(symbol, testing and 0.0 or 1.0, options)
  rspamd_logger.infox(task, 'event=judged result=%s options="%s"', best.verdict,
    table.concat(options, ', '))
  task:cache_set('msmr_best', best)
end

-- Counts this delivery, then tells.
local function count_delivery(task, best, testing, now_s)
  local signature = best.signature

  deliveries.note(task, signature, (envelope_of(task)), now_s, function(err, noted)
    local why

    best.noted = noted
    if err then
      rspamd_logger.errx(task, 'cannot count deliveries: %s', err)
      if best.verdict == 'pass' then
        best.verdict, best.why = 'temperror', 'replay: the store cannot be had now'
      end
      return tell(task, best, testing)
    end
    if not signature.t and noted.first_s < now_s - judge.age_max_s and rules.age then
      best.verdict, best.why = 'policy', 'age: first seen more than 28 days ago'
    elseif noted.recipients > best.addressed and (best.verdict == 'pass' or best.addressed > 0) then
      why = string.format('replay: %.0f recipients, %.0f addressed', noted.recipients,
        best.addressed)
    elseif noted.most > repeats_max then
      why = string.format('replay: %.0f deliveries to one recipient', noted.most)
    end
    if why and (best.verdict == 'pass' or best.verdict == 'policy') then
      best.verdict, best.why, best.is_replay = 'policy', why, true
    end
    tell(task, best, testing)
  end)
end

-- Once for a message: `open` has its candidates and the DKIM results by signature.
local function conclude(task, open)
  local candidates = open.candidates
  local now_s = math.floor(rspamd_util.get_time())
  local now = judge.factor_now(factor_from_map, settings.factor, now_s)
  local testing = now and now.testing or false

  if open.is_concluded then
    return
  end
  open.is_concluded = true
  for _, candidate in ipairs(candidates) do
    judge.weigh(candidate, now)
    apply_rules(task, candidate, open.results, now_s)
  end
  local best = judge.best(candidates)
  -- Never without DKIM: strangers could fill the store, and spoil it for others. Nor where the factor
  -- is missed: who fills it has paid for each entry.
  if rules.replay and best.dkim_passed and not best.is_short and
    #(task:get_recipients('smtp') or E) > 0 then
    return count_delivery(task, best, testing, now_s)
  end
  tell(task, best, testing)
end

-- A look-up that got no answer may get one later; NXDOMAIN and an empty answer are answers.
local function is_temporary(err)
  return err == 'tempfail' or (err:find('dns request', 1, true) ~= nil and
    not err:find('not found', 1, true) and not err:find('no record', 1, true) and
    not err:find('not exist', 1, true))
end

local function is_name(text)
  return text ~= nil and #text <= 253 and text:find('^[%w_.-]+$') ~= nil
end

-- rspamd's own DKIM verification, of the signatures that a stamp is bound to and no others. What
-- its DKIM_TRACE tells are domains, which several signatures can share.
local function verify(task, open)
  local results, waiting, started = open.results, 0, false

  local function check_done()
    if started and waiting == 0 then
      conclude(task, open)
    end
  end

  for _, candidate in ipairs(open.candidates) do
    local signature = candidate.signature

    if signature and not results[signature] then
      local result = { passed = false, why = 'the signature cannot be told from what rspamd reads' }

      results[signature] = result
      if not is_name(signature.d) or not is_name(signature.s) then
        result.why = 'd= or s= is no name'
      elseif signature.is_same and dkim_verify then
        waiting = waiting + 1
        result.why, result.is_temporary = 'rspamd gave no result', true
        local ok, err = dkim_verify(task, signature.decoded, function(_, passed, why)
          result.passed = passed == true
          result.why = why or 'it does not verify'
          result.is_temporary = not passed and is_temporary(result.why)
          waiting = waiting - 1
          check_done()
        end, 'dkim')
        if not ok then
          result.why, result.is_temporary = err or 'cannot be read', false
          waiting = waiting - 1
        end
      end
    end
  end
  started = true
  check_done()
end

local function check(task)
  if (not settings.check_authed and task:get_user()) or
    (not settings.check_local and task:get_from_ip() and task:get_from_ip():is_local()) then
    return
  end
  local keys = {}
  for i, field in ipairs(fields_of(task, 'MSMR-Key', judge.keys_max)) do
    keys[i] = field.text
  end
  if #keys == 0 then
    if settings.report_none then
      task:insert_result('MSMR_NONE', 1.0)
    end
    return
  end
  local open = { candidates = judge.bind(keys, signatures_of(task), sha256_hex), results = {} }
  task:cache_set('msmr_open', open)
  if rules.dkim or rules.replay then
    verify(task, open)
  else
    conclude(task, open)
  end
end

-- After all filters: what has got no answer by now (rspamd forgets to give one where a look-up cannot
-- even be asked) is judged without.
local function conclude_late(task)
  local open = task:cache_get('msmr_open')

  if open then
    conclude(task, open)
  end
end

-- After everything else: mail that is put off comes again, and is no replay then.
local function undo(task)
  local best = task:cache_get('msmr_best')

  if best and best.noted and task:get_metric_action() == 'soft reject' then
    deliveries.take_back(task, best.noted)
  end
end

-- Settings without a default, and those of Redis that every module can have.
local known_besides = lua_util.list_to_hash {
  'enabled', 'factor_map', 'report_url', 'report_token', 'redis', 'servers', 'read_servers',
  'write_servers', 'prefix', 'db', 'dbname', 'password', 'username', 'timeout', 'expand_keys',
}

-- What cannot be used is named, and leaves the plugin out.
local function read_settings(options)
  for name in pairs(options) do
    if settings[name] == nil and not known_besides[name] then
      return "unknown setting '" .. name .. "'"
    end
  end
  for name, value in pairs(options) do -- lua_util.override_defaults would mix two lists
    settings[name] = value
  end
  for _, name in ipairs { 'rules', 'lists' } do
    if type(settings[name]) == 'string' then
      settings[name] = { settings[name] }
    end
  end
  settings.factor = tonumber(settings.factor)
  if not settings.factor or settings.factor % 1 ~= 0 or settings.factor < 0 or
    settings.factor > judge.factor_max then
    return 'factor is no whole number from 0 to 2^53-1'
  end
  settings.report_interval = tonumber(settings.report_interval)
  if not settings.report_interval or settings.report_interval < 1 then
    return 'report_interval is no time of 1 s or more'
  end
  for _, name in ipairs(settings.rules) do
    if name ~= 'none' and not lua_util.list_to_hash(rule_names)[name] then
      return "rules: there is no rule '" .. tostring(name) .. "'"
    end
    rules[name] = name ~= 'none' or nil
  end
  if (settings.report_url ~= nil) ~= (settings.report_token ~= nil) then
    return 'report_url and report_token belong together'
  end
  if (rules.dkim or rules.replay) and not dkim_verify then
    return "the dkim module is off, which the rules 'dkim' and 'replay' need"
  end
  return nil
end

local function follow_map(text)
  local factor, why = judge.parse_factor(tostring(text), 'map') -- opaque data is no string
  local ok

  if factor then
    ok, why = judge.may_follow(factor_from_map, factor, math.floor(rspamd_util.get_time()))
  end
  if not factor or not ok then
    rspamd_logger.errx(rspamd_config, 'factor_map %s: %s; what was known before goes on',
      settings.factor_map, why)
    return
  end
  factor_from_map = factor
  rspamd_logger.infox(rspamd_config, 'factor_map %s: factor %s of %s', settings.factor_map,
    string.format('%.0f', factor.factor), factor.source)
end

local function register_reports()
  local report = msmr_report.new(settings)

  rspamd_config:register_symbol({
    name = 'MSMR_REPORT', type = 'idempotent', callback = function(task)
      local best = task:cache_get('msmr_best')

      if best then
        report.observe(task, best)
      end
    end,
    flags = 'empty,explicit_disable,ignore_passthrough',
  })
  rspamd_config:add_on_load(function(cfg, ev_base, worker)
    if worker:is_scanner() then
      rspamd_config:add_periodic(ev_base, settings.report_interval, function()
        report.send(cfg, ev_base)
        return true
      end)
    end
  end)
end

local function register()
  local id = rspamd_config:register_symbol({
    name = 'MSMR_CHECK', type = 'callback', group = N, callback = check,
    augmentations = { lua_util.dns_timeout_augmentation(rspamd_config) },
  })

  for name, score in pairs(scores) do
    rspamd_config:register_symbol({
      name = name, type = 'virtual', parent = id, group = N, score = score[1],
      description = score[2],
    })
  end
  -- The keys that it has looked up are then known.
  rspamd_config:register_dependency('MSMR_CHECK', 'DKIM_TRACE')
  rspamd_config:register_symbol({
    name = 'MSMR_LATE', type = 'postfilter', callback = conclude_late, flags = 'empty,nostat',
  })
  if rules.replay then
    rspamd_config:register_symbol({
      name = 'MSMR_UNDO', type = 'idempotent', callback = undo,
      flags = 'empty,explicit_disable,ignore_passthrough',
    })
  end
  if settings.report_url then
    register_reports()
  end
end

local options = rspamd_config:get_all_opt(N)
local wrong = type(options) ~= 'table' and 'no section msmr' or read_settings(options)
if wrong then
  rspamd_logger.errx(rspamd_config, 'msmr is off: %s', wrong)
  lua_util.disable_module(N, 'config')
  return
end
if rules.replay then
  deliveries = msmr_replay.new(N, settings, sha256_hex)
  if not deliveries then
    rspamd_logger.warnx(rspamd_config, 'msmr: no Redis, so the rule replay is off')
    rules.replay = nil
  end
end
if settings.factor_map then
  if not rspamd_config:add_map({
    type = 'callback', url = settings.factor_map, callback = follow_map, opaque_data = true,
    description = 'MSMR factor',
  }) then
    rspamd_logger.errx(rspamd_config, 'msmr: factor_map %s cannot be used', settings.factor_map)
  end
end
register()
