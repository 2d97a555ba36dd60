/*
 * Reclaim: a clock over the frames.
 *
 *   accessed since the last round --> A cleared, stays, with credits for more rounds: a clean page one more than it had, a dirty
 *                                     one all there are, for it costs flash
 *   credits left -------------------> one less, stays
 *   else ---------------------------> unmap everywhere -> flush -> look at D -> save if need be -> free (invariant 3)
 *
 * When the tail is full, pages that are idle and clean already still go; if they are not enough the caller must wait for the
 * store. When the store takes no more pages at all, clean ones go, however busy, but for the last few: with fewer than one
 * instruction touches a task would fault for ever, each page putting out another that it needs.
 */
#include "mm/vm/object.h"
#include "mm/vm/space.h"

#define CREDITS_MAX FRAME_CREDITS
/* The rounds of one call, after its first, in which clean pages keep their credits. */
#define PATIENT_ROUNDS 5u
/* Rounds of the clock after which every page that can leave has been tried. */
#define ROUNDS (1u + PATIENT_ROUNDS + CREDITS_MAX + 2u)
/* What one instruction touches at most: itself and its operand may each lie across the end of a page. */
#define WORKING_PAGES 4u

static bool zeros_mean_nothing(uint32_t number)
{
    struct space *space = family_mapper(number);

    return !region_at(space, frame_at(number)->page)->object;
}

/* A private frame, hidden and flushed, gets a live copy. *value is then what its PTEs shall hold. */
static int save_private(uint32_t number, entry_t *value)
{
    struct frame *frame = frame_at(number);
    const struct family *family = thing_of(frame->owner);
    int error;

    *value = 0;
    if (!frame->slot && page_is_zero(frame_view(number)) && zeros_mean_nothing(number)) {
        mm.evict_zero++;
        return 0;
    }
    if (frame->slot) {
        mm.evict_clean++;
    } else {
        if (!mm.store)
            return -ENOMEM;
        error = slot_save(mm.store, &frame->slot, family->key, frame_view(number));
        if (error)
            return error;
        mm.evict_dirty++;
    }
    *value = entry_of_slot(frame->slot);
    return 0;
}

static int evict_private(uint32_t number)
{
    struct frame *frame = frame_at(number);
    entry_t value;
    int error;

    if (family_hide(number) & ENTRY_D)
        frame_stale(frame);
    error = save_private(number, &value);
    if (error) {
        family_show(number);
        return error;
    }
    /* The frame's reference goes to the first PTE. */
    for (uint32_t more = 1; value && more < frame->maps; more++)
        slot_share(mm.store, frame->slot);
    frame->slot = 0;
    family_replace(number, value);
    frame_free(number);
    return 0;
}

/* The bit says that it was locked once; whether it is, its regions say. */
static bool is_locked(uint32_t number)
{
    struct frame *frame = frame_at(number);

    if (!(frame->bits & FRAME_LOCKED))
        return false;
    if (frame->kind == FRAME_ANONYMOUS ? family_locks(number) : object_locks(thing_of(frame->owner), number))
        return true;
    frame->bits &= (uint8_t)~FRAME_LOCKED;
    return false;
}

int frame_evict(uint32_t number)
{
    struct frame *frame = frame_at(number);

    if (is_locked(number))
        return -EBUSY;
    if (frame->kind == FRAME_ANONYMOUS)
        return evict_private(number);
    object_unmap(thing_of(frame->owner), number);
    if (!mm.store && (frame->bits & FRAME_DIRTY) && !page_is_zero(frame_view(number)))
        return -ENOMEM;
    return object_put_out(thing_of(frame->owner), number);
}

/* ---- The clock ---- */

/*
 * All PTE bits since the last round, with A cleared if asked to, and D for a page without a copy. D is noted, so that a copy
 * that is out of date goes at once.
 */
static entry_t age(uint32_t number, entry_t clear)
{
    struct frame *frame = frame_at(number);
    entry_t seen;

    if (frame->kind == FRAME_ANONYMOUS) {
        seen = family_age(number, clear);
        if (seen & ENTRY_D)
            frame_stale(frame);
        return frame->slot ? seen & ~ENTRY_D : seen | ENTRY_D;
    }
    seen = object_age(thing_of(frame->owner), number, clear);
    if (frame->bits & FRAME_REFERENCED)
        seen |= ENTRY_A;
    if (clear)
        frame->bits &= (uint8_t)~FRAME_REFERENCED;
    return frame->bits & FRAME_DIRTY ? seen | ENTRY_D : seen;
}

static bool may_go(uint32_t number, bool clean_only, bool patient)
{
    struct frame *frame = frame_at(number);
    entry_t seen = age(number, ENTRY_A);
    uint8_t credits = frame->bits & FRAME_CREDITS;

    if (seen & ENTRY_A)
        credits = seen & ENTRY_D || credits == CREDITS_MAX ? CREDITS_MAX : (uint8_t)(credits + 1);
    else if (credits && patient && !(seen & ENTRY_D))
        return false;
    else if (credits)
        credits--;
    else
        return !(clean_only && (seen & ENTRY_D));
    frame->bits = (uint8_t)((frame->bits & ~FRAME_CREDITS) | credits);
    mm.none_idle = false;
    return false;
}

static bool is_page(uint32_t number)
{
    return frame_at(number)->kind == FRAME_ANONYMOUS || frame_at(number)->kind == FRAME_OBJECT;
}

/* The next frame that holds a page, or 0 when *looks have been had. */
static uint32_t turn(uint32_t *hand, uint64_t *looks)
{
    while (*looks > 0) {
        --*looks;
        if (++*hand >= mm.count)
            *hand = mm.first;
        if (is_page(*hand))
            return *hand;
    }
    return 0;
}

static bool is_clean(uint32_t number)
{
    return is_page(number) && !(age(number, 0) & ENTRY_D) && !is_locked(number);
}

/* How many pages may still go when dirty ones cannot. When no dirty one is left, nothing is known of the store. */
static uint32_t clean_to_spare(void)
{
    uint32_t clean = 0, pages = 0;

    for (uint32_t number = mm.first; number < mm.count; number++) {
        clean += is_clean(number);
        pages += is_page(number) && !is_locked(number);
    }
    mm.store_full = clean < pages;
    return clean > WORKING_PAGES ? clean - WORKING_PAGES : 0;
}

/* Of a page that may go: 0, or why it stays. */
static int put_out(uint32_t number, uint32_t *spare)
{
    bool clean = mm.store_full && is_clean(number);
    int error = clean && !*spare ? -EBUSY : frame_evict(number);

    if (!error && clean) {
        --*spare;
    } else if (!error) {
        mm.store_full = false;
    } else if (error != -EBUSY && error != -EAGAIN && !mm.store_full) {
        mm.store_full = true;
        *spare = clean_to_spare();
    }
    return error;
}

/*
 * While the store writes back: one round over pages that are idle and clean already. Nothing is aged, for no task runs between
 * these rounds: all clean pages would seem idle, and programs would lose their text each time the tail is full. A round that
 * has found none is not repeated before the clock has gone on.
 */
static int reclaim_idle(uint32_t free)
{
    uint64_t looks = mm.none_idle ? 0 : mm.count - mm.first;
    uint32_t number;

    while (mm.free < free && (number = turn(&mm.idle_hand, &looks)) != 0) {
        if (!(frame_at(number)->bits & FRAME_CREDITS) && !(age(number, 0) & (ENTRY_A | ENTRY_D)))
            (void)!frame_evict(number);
    }
    mm.none_idle = mm.free < free;
    return mm.none_idle ? -EAGAIN : 0;
}

/*
 * When all pages have been stored to of late the clock goes round several times within one call. No task runs meanwhile, so all
 * text would seem idle and leave before the first dirty page does: from the second round on only dirty pages lose credits,
 * for a while.
 */
int reclaim(uint32_t free)
{
    uint64_t round = mm.count - mm.first, looks = round * ROUNDS;
    uint32_t number, spare = mm.store_full ? clean_to_spare() : 0;
    bool refused = false;

    if (mm.refuse && mm.refuse(MM_FRAMES))
        return -ENOMEM;
    while (mm.free < free && (spare || !refused) && (number = turn(&mm.hand, &looks)) != 0) {
        bool patient = looks < round * (ROUNDS - 1) && looks >= round * (ROUNDS - 1 - PATIENT_ROUNDS);
        int error = may_go(number, refused, patient) ? put_out(number, &spare) : 0;

        if (error == -EAGAIN) {
            /* The same victim again when the caller comes back: waiting must not make the clock go faster. */
            mm.hand = number - 1;
            return reclaim_idle(free);
        }
        refused |= error && error != -EBUSY;
    }
    return mm.free < free ? -ENOMEM : 0;
}
