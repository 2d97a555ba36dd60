/* Files and directories of the store as open files (firmware/linux/file.h). */
#ifndef FIRMWARE_LINUX_NODE_FILE_H
#define FIRMWARE_LINUX_NODE_FILE_H

#include "firmware/linux/file.h"

/* A page's index has 32 bits; nobody's flash is larger than this. */
#define NODE_BYTES_MAX (1ull << 32)

/* What stat tells of a node; fields that the store does not know stay as they are. */
int node_status(uint32_t node, struct linux_stat *status) MUST_CHECK;

#endif
