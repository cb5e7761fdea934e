# tests of mail_filters
