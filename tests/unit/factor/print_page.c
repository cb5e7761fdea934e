/* print_page PATH RANGE VIEW: writes a page of the authority's website to standard output, made of
 * a view of sample_view.h. "csp" for PATH: the Content-Security-Policy. "list": the views' names.
 */
#include "factor/authority/pages.h"
#include "sample_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sample_view sample;

static int usage(const char *what, const char *text)
{
  fprintf(stderr, "print_page: no %s \"%s\"\n", what, text);
  return 2;
}

static int print_page(const char *path, const char *range_name, const char *view_name)
{
  size_t page = 0;
  size_t range = 0;
  char *text = NULL;
  size_t len = 0;
  while (page < frank_authority_page_count && strcmp(frank_authority_pages[page].path, path) != 0) {
    page++;
  }
  while (range < frank_authority_range_count &&
         strcmp(frank_authority_ranges[range].name, range_name) != 0) {
    range++;
  }
  if (page == frank_authority_page_count) {
    return usage("page", path);
  }
  if (range == frank_authority_range_count) {
    return usage("range", range_name);
  }
  if (!sample_view_make(&sample, view_name)) {
    return usage("view", view_name);
  }
  if (frank_authority_page_make(&sample.view, page, range, &text, &len) != FRANK_OK) {
    fprintf(stderr, "print_page: no memory\n");
    return 1;
  }
  size_t written = fwrite(text, 1, len, stdout);
  free(text);
  return written == len && fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
  if (argc == 2 && strcmp(argv[1], "csp") == 0) {
    char csp[FRANK_AUTHORITY_CSP_BYTES];
    frank_authority_pages_csp(csp);
    puts(csp);
    return 0;
  }
  if (argc == 2 && strcmp(argv[1], "list") == 0) {
    for (size_t i = 0; sample_view_names[i] != NULL; i++) {
      puts(sample_view_names[i]);
    }
    return 0;
  }
  if (argc != 4) {
    fprintf(stderr, "usage: print_page PATH RANGE VIEW | csp | list\n");
    return 2;
  }
  return print_page(argv[1], argv[2], argv[3]);
}
