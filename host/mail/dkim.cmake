# frank_dkim_verify: DKIM by libopendkim.
