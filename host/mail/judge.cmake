# address, authres, judge: added to frank_mail.
