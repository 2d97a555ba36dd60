/*
 * What spaces and objects must hold, kept as plain bytes: no sharing, no laziness, no eviction. The reference that random
 * operations on mm.h are compared with.
 *
 * A space is a sorted array of pages. A page has its own bytes (`data`), or shows its object's, or zeros. A page that
 * nobody has stored to privately shows the object as it is now.
 *
 * Doubt: after ADVICE_FREE, or after the object was cut below a private page, the memory code may drop the private bytes
 * at any time, or keep them. Both are right until a look or a store settles it.
 */
#ifndef TESTS_HOST_VM_MODEL_H
#define TESTS_HOST_VM_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/mm.h"

#define MODEL_SPACES       5u
#define MODEL_PAGES        1024u /* of one space */
#define MODEL_OBJECTS      8u
#define MODEL_OBJECT_PAGES 40u
#define MODEL_OBJECT_BYTES (MODEL_OBJECT_PAGES * PAGE_BYTES)

struct model_object {
    struct object *real; /* valid while handle or any mapping is there */
    bool used, handle;   /* the test holds a reference */
    uint32_t node;       /* 0: anonymous */
    uint64_t bytes;
    uint8_t *data;   /* MODEL_OBJECT_BYTES, zeros beyond `bytes` */
    uint8_t *synced; /* of a node: as of the last sync */
    uint64_t synced_bytes;
};

struct model_page {
    uint64_t number; /* virtual page */
    uint32_t protection;
    uint32_t flags;              /* REGION_SHARED, NORESERVE, LOCKED, DONTFORK, GROWSDOWN */
    struct model_object *object; /* NULL: zeros */
    uint32_t object_page;
    uint64_t limit; /* GROWSDOWN: the lowest page it may grow to */
    uint8_t *data;  /* private bytes, or NULL */
    bool doubtful;  /* `data` may be gone */
};

struct model_space {
    struct space *real; /* NULL: not in use */
    char name[8];
    uint64_t limit_bytes;
    uint32_t count;
    struct model_page pages[MODEL_PAGES];
};

/* ---- Objects ---- */

struct model_object *model_object_new(struct object *real, uint32_t node, uint64_t bytes);
void model_object_resize(struct model_object *object, uint64_t bytes);
/* Forgets objects that neither a handle nor a page uses; of a node, its bytes fall back to what was synced. */
void model_objects_collect(void);
struct model_object *model_objects(void);

/* ---- Spaces ---- */

struct model_space *model_spaces(void);
struct model_space *model_space_new(struct space *real);
void model_space_drop(struct model_space *space);
void model_fork(const struct model_space *parent, struct model_space *child);

/* NULL: nothing is mapped there. */
struct model_page *model_page(struct model_space *space, uint64_t number);
/* The first page at or above; NULL: none. */
struct model_page *model_page_above(struct model_space *space, uint64_t number);
uint32_t model_mapped(struct model_space *space, uint64_t number, uint64_t pages);
void model_unmap(struct model_space *space, uint64_t number, uint64_t pages);
void model_map(struct model_space *space, uint64_t number, uint64_t pages, const struct model_page *first);
/* Moves pages, their bytes and all; what was at the new place must be unmapped already. */
void model_move(struct model_space *space, uint64_t from, uint64_t to, uint64_t pages);
/* Private bytes go: the page is as new. */
void model_drop(struct model_page *page);
/* Same protection, flags and source, and the object's pages in sequence: what must be one region for mremap. */
bool model_uniform(struct model_space *space, uint64_t number, uint64_t pages);

/* Whether an access to a page where nothing is mapped makes the stack above grow down to it. */
bool model_grows(struct model_space *space, uint64_t number);
void model_grow(struct model_space *space, uint64_t number);

/* ---- Contents ---- */

/* 0, -EFAULT, -EACCES or -ENXIO, as fault() must say. */
int model_access(struct model_space *space, uint64_t number, enum access access);
/* The page's bytes as they must be, undoubted ones. Valid until the next change. */
const uint8_t *model_bytes(const struct model_page *page);
/* What is there when the private bytes are gone. */
const uint8_t *model_base(const struct model_page *page);
/* True: `seen`, the bytes at `at`, is right. Settles doubt where it can. */
bool model_look(struct model_page *page, uint32_t at, const void *seen, uint32_t bytes);
/*
 * A store that was made, or with `maybe` one that may have been made before an error. `seen`: the whole page as it is
 * now, needed where there is doubt and settling it. False: the page is in no state that is right.
 */
bool model_stored(struct model_page *page, uint32_t at, const void *from, uint32_t bytes, const uint8_t *seen,
                  bool maybe);

void model_reset(void);

#endif
