static const struct { double hits, tries, low, high; } bounds[] = {{0,10,0,0.3084971078187608},{5,10,0.187086028447,0.812913971553}};
