# tests of mail_dkim
