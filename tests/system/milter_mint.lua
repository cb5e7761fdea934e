-- For miltertest: a signed mail gets its key, one without a signature does not.
-- miltertest -s milter_mint.lua -D port=PORT -D signature=VALUE

mt.set_timeout(120)

local function deliver(signature)
  local conn = mt.connect("inet:" .. port .. "@127.0.0.1", 40, 0.05)
  if conn == nil then
    error("mt.connect() failed")
  end
  if mt.conninfo(conn, "localhost", "127.0.0.1") ~= nil then
    error("mt.conninfo() failed")
  end
  mt.macro(conn, SMFIC_MAIL, "i", "4MiltertestId")
  if mt.mailfrom(conn, "alice@sender.test") ~= nil or mt.getreply(conn) ~= SMFIR_CONTINUE then
    error("MAIL was refused")
  end
  if mt.rcptto(conn, "bob@rcpt.test") ~= nil or mt.getreply(conn) ~= SMFIR_CONTINUE then
    error("RCPT was refused")
  end
  if signature ~= nil then
    mt.header(conn, "DKIM-Signature", signature)
  end
  mt.header(conn, "From", "alice@sender.test")
  mt.eoh(conn)
  if not mt.test_option(conn, SMFIP_NOBODY) then
    mt.bodystring(conn, "Hello.\r\n")
  end
  if mt.eom(conn) ~= nil then
    error("mt.eom() failed")
  end
  if mt.getreply(conn) ~= SMFIR_CONTINUE then
    error("the mail was not let through")
  end
  return conn
end

local conn = deliver(signature)
if not mt.eom_check(conn, MT_HDRINSERT, "MSMR-Key") then
  error("no MSMR-Key was put in")
end
mt.disconnect(conn)

conn = deliver(nil)
if mt.eom_check(conn, MT_HDRINSERT, "MSMR-Key") then
  error("an MSMR-Key without a signature")
end
mt.disconnect(conn)
