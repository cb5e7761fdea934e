/* tree: takes a test's own temporary folder away, with all that is in it. */
#ifndef FRANK_TESTS_UNIT_TREE_H
#define FRANK_TESTS_UNIT_TREE_H

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

static int tree_remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
  (void)info;
  (void)kind;
  (void)place;
  return remove(path);
}

/* 0, or -1 where something is left. */
static inline int tree_remove(const char *folder)
{
  return nftw(folder, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
