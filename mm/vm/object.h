/*
 * Objects inside mm/vm: their pages, the reverse map of their frames, and what the synchronisation needs.
 */
#ifndef MM_VM_OBJECT_H
#define MM_VM_OBJECT_H

#include "mm/vm/sv39.h"
#include "mm/vm/vm.h"

/* ---- object.c ---- */

static inline uint32_t object_pages(const struct object *object)
{
    return pages_of(object->bytes);
}

void object_add_region(struct object *object, struct region *region);
void object_remove_region(struct object *object, struct region *region);
/* One more region may store to the object: all its pages are then promised. */
int object_add_writer(struct object *object) MUST_CHECK;
void object_remove_writer(struct object *object);
/* After less has become dirty, or the object smaller: gives back what is no longer asked for. */
void object_settle_promise(struct object *object);
/* Undoes a growth; nothing has been written there yet. */
void object_ungrow(struct object *object, uint64_t bytes);
/* Frees an object that nobody has and that holds nothing worth keeping. */
void object_settle(struct object *object);
/* Throws one object away that is kept only for its clean pages. False: there is none. */
bool object_drop_idle(void);
/* Brings the promise to what the object's size, writers and dirty pages ask for. */
int object_promise(struct object *object, uint64_t bytes, uint32_t writers, uint32_t unsynced) MUST_CHECK;

/* ---- object_page.c ---- */

enum object_want { OBJECT_LOAD, OBJECT_OVERWRITE };
/*
 * The frame of a page, brought in if need be; with OVERWRITE its contents need not be. Takes at most 4 frames, ensured
 * before. `kind` says where from. -ENXIO beyond the end; -EAGAIN; -EIO.
 */
int object_frame(struct object *object, uint32_t index, enum object_want want, uint32_t *number,
                 enum fault_kind *kind) MUST_CHECK;
/* The contents have changed, or are about to. */
void object_dirty(struct object *object, uint32_t number);
/* The page differs from what is on flash. */
bool object_page_unsynced(entry_t entry);
/* Puts the page of an unmapped frame away. 0, or what slot_save() answered. */
int object_put_out(struct object *object, uint32_t number) MUST_CHECK;
/* Forgets a page, wherever it is; nothing maps it. */
void object_forget(struct object *object, uint32_t index);
void object_forget_from(struct object *object, uint32_t index);

/* ---- object_map.c: the reverse map ---- */

/* Clears every PTE of the frame, flushes, and notes D. */
void object_unmap(struct object *object, uint32_t number);
/* Returns all the bits that the frame's PTEs have, and clears those of `clear`: ENTRY_A or none. */
entry_t object_age(struct object *object, uint32_t number, entry_t clear);
/* Notes and clears D everywhere, and flushes, so that later stores are noticed again. */
void object_collect(struct object *object, uint32_t number);
/* How many PTEs hold the frame, whatever its descriptor says. */
uint32_t object_count(const struct object *object, uint32_t number);
bool object_locks(struct object *object, uint32_t number);
/* Empties what all regions have mapped at and after that page of the object. */
void object_unmap_from(struct object *object, uint32_t index);

#endif
