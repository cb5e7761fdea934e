/* What frank_dkim_verify says of every usable signature of messages, as if a stamp was bound to
 * each. For tests that compare it with other verifiers.
 *
 *     print_dkim [--keys FILE] [--server ADDRESS@PORT]... [--limit MS] [--chunk BYTES]
 *                [--threads N --repeat M] FILE...
 *
 * A line for each signature: FILE, its number from the top, a=, d=, the result, why; and a line
 * "FILE - took MS" at the end of each file. --chunk: the body comes in parts of this length.
 * --threads: then N threads verify all files M times each by the same library; status 1 where one
 * of them comes to another result.
 */
#include "base/clock.h"
#include "mail/dkim_verify.h"

#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS_MAX 64

struct file {
  const char *name;
  char *text;
  struct frank_message message;
  struct frank_judge judge;
  enum frank_dkim_result results[FRANK_MSMR_SIGNATURES_MAX];
  const char *whys[FRANK_MSMR_SIGNATURES_MAX];
};

/* What all threads work by. */
static const struct frank_dkim_library *shared_library;
static struct file *files;
static size_t file_count;
static size_t chunk_bytes;
static unsigned long repeats;

static bool verify(const struct file *file, enum frank_dkim_result *results, const char **whys)
{
  const struct frank_message *message = &file->message;
  struct frank_dkim_verify *handle = NULL;
  if (chunk_bytes == 0) {
    return frank_dkim_verify_message(shared_library, &file->judge, results, whys) == FRANK_OK;
  }
  if (frank_dkim_verify_new(shared_library, &file->judge, &handle) != FRANK_OK) {
    return false;
  }
  for (size_t at = message->body_at; at < message->len_bytes; at += chunk_bytes) {
    size_t left_bytes = message->len_bytes - at;
    frank_dkim_verify_body(handle, message->text + at,
                           left_bytes < chunk_bytes ? left_bytes : chunk_bytes);
  }
  frank_dkim_verify_finish(handle, results, whys);
  frank_dkim_verify_destroy(&handle);
  return true;
}

static bool read_file(struct file *file, const char *name)
{
  const char *why = "";
  size_t len_bytes = 0;
  file->name = name;
  int fd = open(name, O_RDONLY | O_CLOEXEC);
  bool is_read =
      fd >= 0 &&
      frank_message_read(fd, FRANK_MESSAGE_MAX_BYTES, &file->text, &len_bytes) == FRANK_OK &&
      frank_message_open(file->text, len_bytes, &file->message, &why) == FRANK_OK;
  if (fd >= 0) {
    close(fd);
  }
  if (!is_read) {
    fprintf(stderr, "print_dkim: cannot read %s %s\n", name, why);
    return false;
  }
  file->judge.message = &file->message;
  frank_message_collect(&file->message, &file->judge.proofs);
  for (size_t i = 0; i < file->judge.proofs.signature_count; i++) {
    file->judge.bound[i] = true;
  }
  return true;
}

static bool print_file(struct file *file)
{
  uint64_t start_us = frank_clock_now_us();
  if (!verify(file, file->results, file->whys)) {
    fprintf(stderr, "print_dkim: no memory\n");
    return false;
  }
  for (size_t i = 0; i < file->judge.proofs.signature_count; i++) {
    const struct frank_dkim *signature = &file->judge.proofs.signatures[i];
    printf("%s %zu %s %.*s %s %s\n", file->name, i, frank_alg_name(signature->alg),
           (int)signature->d.len_bytes, signature->d.text ? signature->d.text : "",
           frank_dkim_result_name(file->results[i]), file->whys[i]);
  }
  printf("%s - took %llu\n", file->name,
         (unsigned long long)((frank_clock_now_us() - start_us) / FRANK_US_PER_MS));
  return true;
}

/* All files again and again: the results must be those of the first time. NULL: they were. */
static void *work(void *unused)
{
  static char differs;
  (void)unused;
  for (unsigned long round = 0; round < repeats; round++) {
    for (size_t i = 0; i < file_count; i++) {
      enum frank_dkim_result results[FRANK_MSMR_SIGNATURES_MAX];
      const char *whys[FRANK_MSMR_SIGNATURES_MAX];
      if (!verify(&files[i], results, whys) ||
          memcmp(results, files[i].results, sizeof results) != 0 ||
          memcmp(whys, files[i].whys, sizeof whys) != 0) {
        return &differs;
      }
    }
  }
  return NULL;
}

static bool work_in_threads(unsigned long count)
{
  pthread_t threads[THREADS_MAX];
  bool is_same = true;
  count = count < THREADS_MAX ? count : THREADS_MAX;
  for (size_t i = 0; i < count; i++) {
    if (pthread_create(&threads[i], NULL, work, NULL) != 0) {
      abort();
    }
  }
  for (size_t i = 0; i < count; i++) {
    void *result = NULL;
    pthread_join(threads[i], &result);
    is_same = is_same && result == NULL;
  }
  if (!is_same) {
    fprintf(stderr, "print_dkim: a thread came to other results\n");
  }
  return is_same;
}

int main(int argc, char **argv)
{
  static const struct option names[] = {{"keys", required_argument, NULL, 'k'},
                                        {"server", required_argument, NULL, 's'},
                                        {"limit", required_argument, NULL, 'l'},
                                        {"chunk", required_argument, NULL, 'c'},
                                        {"threads", required_argument, NULL, 't'},
                                        {"repeat", required_argument, NULL, 'r'},
                                        {NULL, 0, NULL, 0}};
  const char *servers[FRANK_DKIM_SERVERS_MAX + 1];
  struct frank_dkim_options options = {.dns_servers = servers};
  struct frank_dkim_library *library = NULL;
  char why[FRANK_DKIM_WHY_BYTES];
  unsigned long threads = 0;
  bool is_good = true;
  for (int opt; (opt = getopt_long(argc, argv, "", names, NULL)) != -1;) {
    unsigned long number = optarg != NULL ? strtoul(optarg, NULL, 10) : 0;
    switch (opt) {
    case 'k':
      options.key_file = optarg;
      break;
    case 's':
      if (options.dns_server_count <= FRANK_DKIM_SERVERS_MAX) {
        servers[options.dns_server_count++] = optarg;
      }
      break;
    case 'l':
      options.look_up_limit_ms = (uint32_t)number;
      break;
    case 'c':
      chunk_bytes = number;
      break;
    case 't':
      threads = number;
      break;
    case 'r':
      repeats = number;
      break;
    default:
      return 2;
    }
  }
  if (frank_dkim_library_new(&options, &library, why) != FRANK_OK) {
    fprintf(stderr, "print_dkim: %s\n", why);
    return 2;
  }
  shared_library = library;
  struct file *list = calloc((size_t)(argc - optind) + 1, sizeof *list);
  if (list == NULL) {
    return 1;
  }
  files = list;
  for (int i = optind; i < argc && is_good; i++) {
    struct file *file = &list[file_count++];
    is_good = read_file(file, argv[i]) && print_file(file);
  }
  is_good = is_good && work_in_threads(threads);
  for (size_t i = 0; i < file_count; i++) {
    free(list[i].text);
  }
  free(list);
  frank_dkim_library_destroy(&library);
  return is_good ? 0 : 1;
}
