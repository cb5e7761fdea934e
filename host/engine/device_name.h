/*
 * device_name: the numbers in device names such as "cpu:12", read strictly, so that no device has
 * two names.
 */
#ifndef FRANK_ENGINE_DEVICE_NAME_H
#define FRANK_ENGINE_DEVICE_NAME_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* True for `engine`, a colon and a decimal number below 1,000,000 without leading zeros. */
static inline bool frank_device_index(const char *device, const char *engine, uint32_t *index)
{
  size_t len = strlen(engine);
  if (strncmp(device, engine, len) != 0 || device[len] != ':') {
    return false;
  }
  const char *digits = device + len + 1;
  size_t count = strspn(digits, "0123456789");
  if (count == 0 || count > 6 || digits[count] != '\0' || (digits[0] == '0' && count > 1)) {
    return false;
  }
  uint32_t value = 0;
  for (size_t i = 0; i < count; i++) {
    value = value * 10 + (uint32_t)(digits[i] - '0');
  }
  *index = value;
  return true;
}

#endif
