#include "factor/lastgood_name.h"

#include "proof/sha256.h"

#include <stdio.h>
#include <string.h>

#define HASH_BYTES                                                                                 \
  8 /* of the source's: two of one name are no concern, the file says whose it is */

void frank_lastgood_name(const char *text, char out[FRANK_LASTGOOD_NAME_BYTES])
{
  struct frank_hash hash;
  size_t used = (size_t)snprintf(out, FRANK_LASTGOOD_NAME_BYTES, "source-");
  frank_sha256(text, strlen(text), NULL, 0, &hash);
  for (size_t i = 0; i < HASH_BYTES; i++) {
    used += (size_t)snprintf(out + used, FRANK_LASTGOOD_NAME_BYTES - used, "%02x",
                             (unsigned)hash.bytes[i]);
  }
}
