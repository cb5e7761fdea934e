--[[
Reports of the rspamd plugin: how many messages with a verified stamp showed how many bits, and what
they turned out to be, told to an authority (frank-authority) by each worker.

    local report = require("msmr_report").new(settings)   report_url, report_token, report_interval
    report.observe(task, best)   when all is known of a message
    report.send(cfg, ev_base)    each report_interval seconds
]]--

local M = {}

local rspamd_http = require "rspamd_http"
local rspamd_logger = require "rspamd_logger"
local rspamd_util = require "rspamd_util"

local settings
local seen = { count = 0, groups = {} }
local pending -- a body that was not taken yet; sent again with its id, it counts once
local groups_max = 500 -- an authority takes 1000 in one report

-- By all else that rspamd knows: a stamp that vouched for itself would let the factor sink. nil: it is
-- not clear, or somebody has decided without the score.
local function outcome(task, best)
  local score = task:get_metric_score() -- the score, and that of a reject
  local own = task:get_symbol(best.symbol)

  if task:has_pre_result() or not score or not score[2] then
    return nil
  end
  local others = score[1] - (own and own[1].score or 0)
  return others >= score[2] and 'spam' or others <= 0 and 'ham' or nil
end

local function observe(task, best)
  local verdict = best.dkim_passed and outcome(task, best)

  if not verdict then
    return
  end
  local name = string.format('%.1f %s', best.bits, verdict)
  local group = seen.groups[name]
  if not group and seen.count < groups_max then
    group = { bits = tonumber(string.format('%.1f', best.bits)), spam = verdict == 'spam', count = 0 }
    seen.groups[name], seen.count = group, seen.count + 1
  end
  if group then
    group.count = group.count + 1
  end
end

local function make_body()
  local observations = {}

  for _, group in pairs(seen.groups) do
    observations[#observations + 1] = string.format(
      '{"bits":%.1f,"spam":%s,"count":%.0f,"at":%.0f}', group.bits, tostring(group.spam),
      group.count, math.floor(rspamd_util.get_time()))
  end
  seen = { count = 0, groups = {} }
  return string.format('{"v":1,"id":"%s","observations":[%s]}', rspamd_util.random_hex(32),
    table.concat(observations, ','))
end

local function send(cfg, ev_base)
  if not pending and seen.count == 0 then
    return
  end
  pending = pending or make_body()
  rspamd_http.request({
    url = settings.report_url, ev_base = ev_base, config = cfg, method = 'POST', timeout = 10.0,
    headers = {
      ['Authorization'] = 'Bearer ' .. settings.report_token,
      ['Content-Type'] = 'application/json',
    },
    body = pending,
    callback = function(err, code, body)
      if not err and code == 200 then
        pending = nil
        rspamd_logger.infox(rspamd_config, 'reported to %s: %s', settings.report_url, body)
        return
      end
      rspamd_logger.errx(rspamd_config, 'the report to %s was not taken: %s', settings.report_url,
        err or string.format('%s %s', code, body))
      -- What is wrong with it stays so; else (no answer, 429, 503) it is sent again.
      if not err and (code == 400 or code == 413) then
        pending = nil
      end
    end,
  })
end

function M.new(with)
  settings = with
  return { observe = observe, send = send }
end

return M
