/* What frank_dkim_verify says of every usable signature of messages, as if a stamp was bound to
 * each. For tests that compare it with other verifiers.
 *
 *     print_dkim [--keys FILE] [--server ADDRESS@PORT]... [--limit MS] [--chunk BYTES] FILE...
 *
 * A line for each signature: FILE, its number from the top, a=, d=, the result, why; and a line
 * "FILE - took MS" at the end of each file. --chunk: the body comes in parts of this length.
 */
#include "base/clock.h"
#include "mail/dkim_verify.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct frank_judge judge;

static int verify(const struct frank_dkim_library *library, size_t chunk_bytes,
                  enum frank_dkim_result *results, const char **whys)
{
  const struct frank_message *message = judge.message;
  struct frank_dkim_verify *handle = NULL;
  if (chunk_bytes == 0) {
    return frank_dkim_verify_message(library, &judge, results, whys) != FRANK_OK;
  }
  if (frank_dkim_verify_new(library, &judge, &handle) != FRANK_OK) {
    return 1;
  }
  for (size_t at = message->body_at; at < message->len_bytes; at += chunk_bytes) {
    size_t left_bytes = message->len_bytes - at;
    frank_dkim_verify_body(handle, message->text + at,
                           left_bytes < chunk_bytes ? left_bytes : chunk_bytes);
  }
  frank_dkim_verify_finish(handle, results, whys);
  frank_dkim_verify_destroy(&handle);
  return 0;
}

static int print_file(const struct frank_dkim_library *library, size_t chunk_bytes,
                      const char *file)
{
  enum frank_dkim_result results[FRANK_MSMR_SIGNATURES_MAX];
  const char *whys[FRANK_MSMR_SIGNATURES_MAX];
  struct frank_message message;
  const char *why = "";
  char *text = NULL;
  size_t len_bytes = 0;
  int status = 1;
  int fd = open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || frank_message_read(fd, FRANK_MESSAGE_MAX_BYTES, &text, &len_bytes) != FRANK_OK ||
      frank_message_open(text, len_bytes, &message, &why) != FRANK_OK) {
    fprintf(stderr, "print_dkim: cannot read %s %s\n", file, why);
    goto cleanup;
  }
  memset(&judge, 0, sizeof judge);
  judge.message = &message;
  frank_message_collect(&message, &judge.proofs);
  for (size_t i = 0; i < judge.proofs.signature_count; i++) {
    judge.bound[i] = true;
  }
  uint64_t start_us = frank_clock_now_us();
  if (verify(library, chunk_bytes, results, whys) != 0) {
    fprintf(stderr, "print_dkim: no memory\n");
    goto cleanup;
  }
  for (size_t i = 0; i < judge.proofs.signature_count; i++) {
    const struct frank_dkim *signature = &judge.proofs.signatures[i];
    printf("%s %zu %s %.*s %s %s\n", file, i, frank_alg_name(signature->alg),
           (int)signature->d.len_bytes, signature->d.text ? signature->d.text : "",
           frank_dkim_result_name(results[i]), whys[i]);
  }
  printf("%s - took %llu\n", file,
         (unsigned long long)((frank_clock_now_us() - start_us) / FRANK_US_PER_MS));
  status = 0;

cleanup:
  free(text);
  if (fd >= 0) {
    close(fd);
  }
  return status;
}

int main(int argc, char **argv)
{
  static const struct option names[] = {{"keys", required_argument, NULL, 'k'},
                                        {"server", required_argument, NULL, 's'},
                                        {"limit", required_argument, NULL, 'l'},
                                        {"chunk", required_argument, NULL, 'c'},
                                        {NULL, 0, NULL, 0}};
  const char *servers[FRANK_DKIM_SERVERS_MAX + 1];
  struct frank_dkim_options options = {.dns_servers = servers};
  struct frank_dkim_library *library = NULL;
  char why[FRANK_DKIM_WHY_BYTES];
  size_t chunk_bytes = 0;
  int status = 0;
  for (int opt; (opt = getopt_long(argc, argv, "", names, NULL)) != -1;) {
    if (opt == 'k') {
      options.key_file = optarg;
    } else if (opt == 's' && options.dns_server_count <= FRANK_DKIM_SERVERS_MAX) {
      servers[options.dns_server_count++] = optarg;
    } else if (opt == 'l') {
      options.look_up_limit_ms = (uint32_t)strtoul(optarg, NULL, 10);
    } else if (opt == 'c') {
      chunk_bytes = strtoul(optarg, NULL, 10);
    } else {
      return 2;
    }
  }
  if (frank_dkim_library_new(&options, &library, why) != FRANK_OK) {
    fprintf(stderr, "print_dkim: %s\n", why);
    return 2;
  }
  for (int i = optind; i < argc && status == 0; i++) {
    status = print_file(library, chunk_bytes, argv[i]);
  }
  frank_dkim_library_destroy(&library);
  return status;
}
