# address, authres, judge, replay
