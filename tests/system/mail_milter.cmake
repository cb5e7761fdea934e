# tests of mail_milter
