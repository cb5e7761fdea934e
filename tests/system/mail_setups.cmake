# tests of mail_setups
