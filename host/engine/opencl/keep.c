/*
 * keep: one file of engine/kept.h for each device.
 */
#include "engine/opencl/keep.h"

#include "engine/engine.h"
#include "engine/kept.h"
#include "kernels/kernels.h"
#include "proof/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In front of the binary. Of this machine alone, so in its own byte order. */
struct head {
  struct frank_cl_shape shape;
  double rate_cps;
};

#define FILE_MAX_BYTES (sizeof(struct head) + FRANK_CL_BINARY_MAX_BYTES)

/* All texts of the device, one after the other, with their ends. */
struct identity {
  char text[6 * FRANK_CL_TEXT_BYTES];
  size_t len_bytes;
};

static void add_text(struct identity *identity, const char *text)
{
  size_t len_bytes = strlen(text) + 1;
  memcpy(identity->text + identity->len_bytes, text, len_bytes);
  identity->len_bytes += len_bytes;
}

/* The file is named after what the device is called and which it is: two of a kind have a file
 * each. */
static void name_file(const struct frank_cl_device *device,
                      char name[FRANK_KEPT_NAME_MAX_BYTES + 1])
{
  struct identity identity = {.len_bytes = 0};
  struct frank_hash hash;
  char hex[65];
  add_text(&identity, device->platform_name);
  add_text(&identity, device->model);
  add_text(&identity, device->name);
  frank_sha256(identity.text, identity.len_bytes, NULL, 0, &hash);
  frank_hash_format(&hash, hex);
  (void)snprintf(name, FRANK_KEPT_NAME_MAX_BYTES + 1, "opencl-%.16s", hex);
}

static void make_key(const struct frank_cl_device *device, struct frank_hash *key)
{
  struct identity identity = {.len_bytes = 0};
  add_text(&identity, device->platform_name);
  add_text(&identity, device->platform_version);
  add_text(&identity, device->model);
  add_text(&identity, device->device_version);
  add_text(&identity, device->driver_version);
  frank_sha256(identity.text, identity.len_bytes, frank_kernel_source,
               frank_kernel_source_len_bytes, key);
}

enum frank_err frank_cl_keep_load(const char *dir, const struct frank_cl_seat *seat,
                                  const struct frank_cl_device *device,
                                  struct frank_cl_tuned *tuned, cl_program *program, char *why)
{
  char name[FRANK_KEPT_NAME_MAX_BYTES + 1];
  struct frank_hash key;
  struct head head;
  uint8_t *data = NULL;
  size_t len_bytes = 0;
  name_file(device, name);
  make_key(device, &key);
  enum frank_err err = frank_kept_read(dir, name, &key, FILE_MAX_BYTES, &data, &len_bytes, why);
  if (err != FRANK_OK) {
    return FRANK_ERR_NOT_FOUND;
  }
  err = FRANK_ERR_NOT_FOUND;
  if (len_bytes <= sizeof head) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "%.120s/%s is too short", dir, name);
    goto cleanup;
  }
  memcpy(&head, data, sizeof head);
  if (!frank_cl_tuning_is_sound(&head.shape) || !(head.rate_cps >= 0 && head.rate_cps < 1e15)) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "%.120s/%s has a tuning that cannot be", dir, name);
    goto cleanup;
  }
  if (frank_cl_program_load(seat, data + sizeof head, len_bytes - sizeof head, program) !=
      FRANK_OK) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES,
                   "%.120s/%s: the driver does not take its own binary", dir, name);
    goto cleanup;
  }
  *tuned = (struct frank_cl_tuned){.shape = head.shape, .rate_cps = head.rate_cps};
  err = FRANK_OK;

cleanup:
  free(data);
  return err;
}

enum frank_err frank_cl_keep_store(const char *dir, const struct frank_cl_seat *seat,
                                   const struct frank_cl_device *device,
                                   const struct frank_cl_tuned *tuned, cl_program program,
                                   char *why)
{
  char name[FRANK_KEPT_NAME_MAX_BYTES + 1];
  struct frank_hash key;
  struct head head;
  uint8_t *data = NULL;
  size_t len_bytes = 0;
  enum frank_err err = frank_cl_program_binary(seat, program, sizeof head, &data, &len_bytes);
  if (err != FRANK_OK) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "the driver gives no binary of the kernel to keep");
    return err;
  }
  memset(&head, 0, sizeof head); /* no byte of the file is left to chance */
  head.shape = tuned->shape;
  head.rate_cps = tuned->rate_cps;
  memcpy(data, &head, sizeof head);
  name_file(device, name);
  make_key(device, &key);
  err = frank_kept_write(dir, name, &key, data, len_bytes, why);
  free(data);
  return err;
}
