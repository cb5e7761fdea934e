#include "base/chan.h"
