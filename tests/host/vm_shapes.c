/*
 * Operations on the shape of spaces: regions mapped, cut, moved and advised about; spaces made, forked and put.
 */
#include <errno.h>
#include <string.h>

#include "tests/host/vm_operations.h"
#include "tests/host/vm_rig.h"

#define BASE_PAGE (USER_BASE >> PAGE_SHIFT)
#define TOP_PAGE  (USER_TOP >> PAGE_SHIFT)
#define PAGES_MAX 40u
/* The model has room for MODEL_PAGES; one mapping adds at most PAGES_MAX. */
#define SPACE_FULL (MODEL_PAGES - 2 * PAGES_MAX)

/* The answer must be an error of the set, if there is one in it, and success or -ENOMEM (a promise) otherwise. */
static bool answer_check(struct model_space *space, const char *name, const errors_t errors, int64_t answer)
{
    rig_result(answer);
    if (errors_any(errors) ? !errors_has(errors, answer) : answer < 0 && answer != -ENOMEM)
        rig_fail("%s: %s answers %lld", space->name, name, (long long)answer);
    if (answer < 0)
        check_regions(space); /* what is refused has changed nothing */
    return answer >= 0;
}

/* ---- Regions ---- */

static uint32_t draw_protection(void)
{
    static const uint32_t protections[] = { MAP_READ | MAP_WRITE,
                                            MAP_READ | MAP_WRITE,
                                            MAP_READ | MAP_WRITE,
                                            MAP_READ | MAP_WRITE,
                                            MAP_READ,
                                            MAP_READ,
                                            MAP_READ | MAP_EXECUTE,
                                            MAP_READ | MAP_EXECUTE,
                                            MAP_WRITE,
                                            MAP_EXECUTE,
                                            0,
                                            MAP_WRITE | MAP_EXECUTE };

    return protections[rig_below(sizeof(protections) / sizeof(protections[0]))];
}

static uint32_t draw_flags(void)
{
    uint32_t flags = 0;

    if (rig_chance(70))
        flags |= REGION_FIXED | (rig_chance(25) ? REGION_NOREPLACE : 0);
    if (rig_chance(8))
        flags |= REGION_NORESERVE;
    if (rig_chance(4))
        flags |= REGION_LOCKED;
    if (rig_chance(4))
        flags |= REGION_DONTFORK;
    return flags;
}

static void map_errors(struct model_space *space, const struct map_request *request, uint64_t number, uint64_t pages,
                       errors_t errors)
{
    bool outside = number < BASE_PAGE || number + pages > TOP_PAGE;

    if (request->bytes == 0 || request->offset % PAGE_BYTES)
        errors_add(errors, -EINVAL);
    if ((request->protection & MAP_WRITE) && (request->protection & MAP_EXECUTE))
        errors_add(errors, -EACCES);
    if (!(request->flags & REGION_FIXED))
        return;
    if (request->address % PAGE_BYTES)
        errors_add(errors, -EINVAL);
    if (outside) {
        errors_add(errors, -EINVAL);
        errors_add(errors, -ENOMEM);
    }
    if ((request->flags & REGION_NOREPLACE) && model_mapped(space, number, pages))
        errors_add(errors, -EEXIST);
}

static void map_spoil(struct map_request *request)
{
    switch (rig_below(40)) {
    case 0:
        request->bytes = 0;
        return;
    case 1:
        request->address += 1 + rig_below(PAGE_BYTES - 1);
        return;
    case 2:
        request->offset += 1 + rig_below(PAGE_BYTES - 1);
        return;
    case 3:
        request->bytes -= rig_below(PAGE_BYTES);
        return;
    default:
        return;
    }
}

static struct map_request draw_request(struct model_space *space, struct model_object **object)
{
    struct map_request request = { .protection = draw_protection(), .flags = draw_flags() };
    uint64_t number, pages;

    draw_range(space, 30, PAGES_MAX, &number, &pages);
    *object = rig_chance(40) ? draw_object() : NULL;
    if (*object) {
        request.object = (*object)->real;
        request.offset = rig_below(MODEL_OBJECT_PAGES) * PAGE_BYTES;
        request.flags |= rig_chance(55) ? REGION_SHARED : 0;
    } else if (rig_chance(10)) {
        request.flags |= REGION_GROWSDOWN;
        request.limit_bytes = (pages + rig_below(40)) << PAGE_SHIFT;
    }
    request.address = number << PAGE_SHIFT;
    request.bytes = pages << PAGE_SHIFT;
    map_spoil(&request);
    return request;
}

static uint64_t lowest_of(uint64_t end, uint64_t limit_bytes)
{
    return end > BASE_PAGE + (limit_bytes >> PAGE_SHIFT) ? end - (limit_bytes >> PAGE_SHIFT) : BASE_PAGE;
}

static bool map_run(void)
{
    struct model_space *space = draw_space();
    struct model_object *object;
    struct map_request request;
    uint64_t pages, number;
    errors_t errors = { 0 };
    int64_t address;

    if (!space || space->count > SPACE_FULL)
        return false;
    request = draw_request(space, &object);
    pages = (request.bytes + PAGE_BYTES - 1) >> PAGE_SHIFT;
    map_errors(space, &request, request.address >> PAGE_SHIFT, pages, errors);
    rig_operation("%s: map 0x%llx, 0x%llx, protection %u, flags 0x%x, object %d, offset 0x%llx", space->name,
                  (unsigned long long)request.address, (unsigned long long)request.bytes, request.protection,
                  request.flags, object ? (int)(object - model_objects()) : -1, (unsigned long long)request.offset);
    address = RIG_WAIT(space_map(space->real, &request));
    if (!answer_check(space, "space_map", errors, address))
        return false;
    number = (uint64_t)address >> PAGE_SHIFT;
    if (address % PAGE_BYTES || number < BASE_PAGE || number + pages > TOP_PAGE ||
        ((request.flags & REGION_FIXED) ? (uint64_t)address != request.address : model_mapped(space, number, pages)))
        rig_fail("%s: space_map has chosen 0x%llx", space->name, (unsigned long long)address);
    model_map(space, number, pages,
              &(struct model_page){ .protection = request.protection,
                                    .flags = request.flags & KEPT_FLAGS,
                                    .object = object,
                                    .object_page = (uint32_t)(request.offset >> PAGE_SHIFT),
                                    .limit = lowest_of(number + pages, request.limit_bytes) });
    if ((uint64_t)space->count * PAGE_BYTES > space->limit_bytes)
        rig_fail("%s: mapped beyond its limit", space->name);
    return true;
}

/* Draws a range to change, at times one that is no such; EINVAL is in the errors then. */
static bool change_draw(struct model_space **space, va_t *address, uint64_t *bytes, errors_t errors)
{
    uint64_t number, pages;

    *space = draw_space();
    if (!*space)
        return false;
    draw_range(*space, 85, PAGES_MAX, &number, &pages);
    *address = number << PAGE_SHIFT;
    *bytes = pages << PAGE_SHIFT;
    if (rig_chance(3)) {
        *address += 1 + rig_below(PAGE_BYTES - 1);
        errors_add(errors, -EINVAL);
    }
    if (number + pages > TOP_PAGE || number < BASE_PAGE) {
        errors_add(errors, -EINVAL);
        errors_add(errors, -ENOMEM);
        errors_add(errors, -EFAULT);
    }
    return true;
}

static void add_hole_errors(struct model_space *space, uint64_t number, uint64_t pages, errors_t errors)
{
    if (model_mapped(space, number, pages) == pages)
        return;
    errors_add(errors, -ENOMEM);
    errors_add(errors, -EFAULT);
}

static bool unmap_run(void)
{
    struct model_space *space;
    errors_t errors = { 0 };
    uint64_t bytes;
    va_t address;

    if (!change_draw(&space, &address, &bytes, errors))
        return false;
    rig_operation("%s: unmap 0x%llx, 0x%llx", space->name, (unsigned long long)address, (unsigned long long)bytes);
    if (!answer_check(space, "space_unmap", errors, RIG_WAIT(space_unmap(space->real, address, bytes))))
        return false;
    model_unmap(space, address >> PAGE_SHIFT, bytes >> PAGE_SHIFT);
    model_objects_collect();
    probe(space, (address >> PAGE_SHIFT) + rig_below((uint32_t)(bytes >> PAGE_SHIFT)));
    return true;
}

static bool protect_run(void)
{
    uint32_t protection = draw_protection();
    struct model_space *space;
    struct model_page *page;
    errors_t errors = { 0 };
    uint64_t bytes;
    va_t address;

    if (!change_draw(&space, &address, &bytes, errors))
        return false;
    add_hole_errors(space, address >> PAGE_SHIFT, bytes >> PAGE_SHIFT, errors);
    if ((protection & MAP_WRITE) && (protection & MAP_EXECUTE))
        errors_add(errors, -EACCES);
    rig_operation("%s: protect 0x%llx, 0x%llx, %u", space->name, (unsigned long long)address, (unsigned long long)bytes,
                  protection);
    if (!answer_check(space, "space_protect", errors, RIG_WAIT(space_protect(space->real, address, bytes, protection))))
        return false;
    page = model_page(space, address >> PAGE_SHIFT);
    for (uint64_t i = 0; i < bytes >> PAGE_SHIFT; i++)
        page[i].protection = protection;
    probe(space, (address >> PAGE_SHIFT) + rig_below((uint32_t)(bytes >> PAGE_SHIFT)));
    return true;
}

/* ---- Moving ---- */

static void moved(struct model_space *space, uint64_t from, uint64_t old_pages, uint64_t to, uint64_t new_pages)
{
    struct model_page last;

    if (to != from) {
        model_unmap(space, to, new_pages);
        if (new_pages < old_pages)
            model_unmap(space, from + new_pages, old_pages - new_pages);
        model_move(space, from, to, new_pages < old_pages ? new_pages : old_pages);
    } else if (new_pages < old_pages) {
        model_unmap(space, from + new_pages, old_pages - new_pages);
    }
    if (new_pages <= old_pages)
        return;
    last = *model_page(space, to + old_pages - 1);
    last.object_page++;
    last.data = NULL;
    last.doubtful = false;
    model_map(space, to + old_pages, new_pages - old_pages, &last);
}

/* What mremap may answer for the drawn arguments. */
static void remap_errors(struct model_space *space, uint64_t from, uint64_t old_pages, uint64_t to, uint64_t new_pages,
                         uint32_t flags, errors_t errors)
{
    uint64_t grown = from + old_pages;

    if (model_mapped(space, from, old_pages) != old_pages || from < BASE_PAGE || from + old_pages > TOP_PAGE) {
        errors_add(errors, -EFAULT);
        errors_add(errors, -EINVAL);
        errors_add(errors, -ENOMEM);
    }
    if ((flags & REMAP_FIXED) && (to < BASE_PAGE || to + new_pages > TOP_PAGE)) {
        errors_add(errors, -EINVAL);
        errors_add(errors, -ENOMEM);
    }
    if ((flags & REMAP_FIXED) && to < from + old_pages && from < to + new_pages)
        errors_add(errors, -EINVAL);
    if (flags == 0 && new_pages > old_pages &&
        (model_mapped(space, grown, new_pages - old_pages) || from + new_pages > TOP_PAGE))
        errors_add(errors, -ENOMEM);
}

static bool remap_run(void)
{
    static const uint32_t flag_choices[] = { 0, REMAP_MAYMOVE, REMAP_MAYMOVE | REMAP_FIXED,
                                             REMAP_MAYMOVE | REMAP_FIXED };
    uint32_t flags = flag_choices[rig_below(4)];
    struct model_space *space = draw_space();
    uint64_t from, old_pages, to, new_pages;
    errors_t errors = { 0 };
    int64_t address;
    bool uniform;

    if (!space || space->count > SPACE_FULL)
        return false;
    draw_range(space, 90, PAGES_MAX, &from, &old_pages);
    draw_range(space, 30, PAGES_MAX, &to, &new_pages);
    for (uint64_t i = 0; i < old_pages; i++)
        if (model_page(space, from + i) && (model_page(space, from + i)->flags & REGION_GROWSDOWN))
            return false; /* nobody moves a stack */
    uniform = model_uniform(space, from, old_pages);
    remap_errors(space, from, old_pages, to, new_pages, flags, errors);
    rig_operation("%s: remap 0x%llx, 0x%llx to 0x%llx, flags %u, 0x%llx", space->name,
                  (unsigned long long)from << PAGE_SHIFT, (unsigned long long)old_pages << PAGE_SHIFT,
                  (unsigned long long)new_pages << PAGE_SHIFT, flags, (unsigned long long)to << PAGE_SHIFT);
    address = RIG_WAIT(space_remap(space->real, from << PAGE_SHIFT, old_pages << PAGE_SHIFT, new_pages << PAGE_SHIFT,
                                   flags, to << PAGE_SHIFT));
    /* Where one region ends and a like one begins the model does not know: such a range may be refused. */
    if (!errors_any(errors) && (!uniform || address == -EFAULT)) {
        rig_result(address);
        if (address < 0 && address != -EFAULT && address != -ENOMEM && address != -EINVAL)
            rig_fail("%s: space_remap answers %lld", space->name, (long long)address);
        if (address < 0)
            check_regions(space);
        if (address < 0)
            return false;
        if (new_pages > old_pages)
            rig_fail("%s: space_remap has grown a range of several regions", space->name);
    } else {
        if (errors_any(errors))
            errors_add(errors, -EFAULT);
        if (!answer_check(space, "space_remap", errors, address))
            return false;
    }
    if (address % PAGE_BYTES || ((flags & REMAP_FIXED) && (uint64_t)address != to << PAGE_SHIFT) ||
        (flags == 0 && (uint64_t)address != from << PAGE_SHIFT))
        rig_fail("%s: space_remap has chosen 0x%llx", space->name, (unsigned long long)address);
    moved(space, from, old_pages, (uint64_t)address >> PAGE_SHIFT, new_pages);
    model_objects_collect();
    probe(space, from + rig_below((uint32_t)old_pages));
    probe(space, ((uint64_t)address >> PAGE_SHIFT) + rig_below((uint32_t)new_pages));
    return true;
}

/* ---- Advice ---- */

static void advised(struct model_page *page, enum advice advice, bool certain)
{
    switch (advice) {
    case ADVICE_DROP:
    case ADVICE_FREE:
        if (advice == ADVICE_DROP && certain)
            model_drop(page);
        else if (page->data)
            page->doubtful = true;
        return;
    case ADVICE_DONTFORK:
        page->flags |= certain ? REGION_DONTFORK : 0;
        return;
    case ADVICE_DOFORK:
        page->flags &= certain ? ~(uint32_t)REGION_DONTFORK : UINT32_MAX;
        return;
    case ADVICE_NEED:
    case ADVICE_COLD:
    case ADVICE_OUT:
    default:
        return;
    }
}

static void advice_errors(struct model_space *space, uint64_t number, uint64_t pages, enum advice advice,
                          errors_t errors)
{
    add_hole_errors(space, number, pages, errors);
    if (advice == ADVICE_DONTFORK || advice == ADVICE_DOFORK)
        errors_add(errors, -ENOMEM); /* a region is cut in two, and the new one needs a struct */
    for (uint64_t i = 0; i < pages; i++) {
        const struct model_page *page = model_page(space, number + i);
        bool discards = advice == ADVICE_DROP || advice == ADVICE_FREE || advice == ADVICE_OUT || advice == ADVICE_COLD;

        if (page && ((discards && (page->flags & REGION_LOCKED)) || (advice == ADVICE_FREE && page->object)))
            errors_add(errors, -EINVAL);
    }
}

static bool advise_run(void)
{
    static const char *const names[] = { "DROP", "FREE", "NEED", "COLD", "OUT", "DONTFORK", "DOFORK" };
    enum advice advice = (enum advice)(rig_chance(80) ? rig_below(5) : rig_below(7));
    struct model_space *space;
    struct model_page *page;
    errors_t errors = { 0 };
    uint64_t bytes, end;
    int answer;
    va_t address;

    if (!change_draw(&space, &address, &bytes, errors))
        return false;
    end = (address >> PAGE_SHIFT) + (bytes >> PAGE_SHIFT);
    advice_errors(space, address >> PAGE_SHIFT, bytes >> PAGE_SHIFT, advice, errors);
    rig_operation("%s: advise 0x%llx, 0x%llx, %s", space->name, (unsigned long long)address, (unsigned long long)bytes,
                  names[advice]);
    answer = RIG_WAIT(space_advise(space->real, address, bytes, advice));
    rig_result(answer);
    if (answer < 0)
        check_regions(space);
    /* Advice may be ignored where it makes no sense; it must not fail where it does. */
    if (answer < 0 && !errors_has(errors, answer))
        rig_fail("%s: space_advise answers %d", space->name, answer);
    for (page = model_page_above(space, address >> PAGE_SHIFT);
         page && page < space->pages + space->count && page->number < end; page++)
        advised(page, advice, answer == 0);
    return answer == 0;
}

/* Locking may copy a private page ahead of its first store; with objects underneath, the model could not tell. */
static bool copies_ahead(struct model_space *space, uint64_t number, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++) {
        const struct model_page *page = model_page(space, number + i);

        if (page && page->object && !(page->flags & REGION_SHARED))
            return true;
    }
    return false;
}

static void check_resident(struct model_space *space, uint64_t number)
{
    struct page_info info;

    if (model_access(space, number, ACCESS_LOAD) != 0)
        return;
    space_page(space->real, number << PAGE_SHIFT, &info);
    if (info.state != PAGE_RESIDENT && info.state != PAGE_ZERO)
        rig_fail("%s: page 0x%llx was locked and is in state %d", space->name, (unsigned long long)number, info.state);
}

static bool lock_run(void)
{
    bool lock = rig_chance(40);
    struct model_space *space;
    struct model_page *page;
    errors_t errors = { 0 };
    uint64_t bytes;
    va_t address;

    if (!change_draw(&space, &address, &bytes, errors))
        return false;
    if (lock && copies_ahead(space, address >> PAGE_SHIFT, bytes >> PAGE_SHIFT))
        return false;
    add_hole_errors(space, address >> PAGE_SHIFT, bytes >> PAGE_SHIFT, errors);
    rig_operation("%s: %s 0x%llx, 0x%llx", space->name, lock ? "lock" : "unlock", (unsigned long long)address,
                  (unsigned long long)bytes);
    if (!answer_check(space, "space_lock", errors, RIG_WAIT(space_lock(space->real, address, bytes, lock))))
        return false;
    page = model_page(space, address >> PAGE_SHIFT);
    for (uint64_t i = 0; lock && i < bytes >> PAGE_SHIFT; i++)
        check_resident(space, page[i].number);
    for (uint64_t i = 0; i < bytes >> PAGE_SHIFT; i++)
        page[i].flags = lock ? page[i].flags | REGION_LOCKED : page[i].flags & ~(uint32_t)REGION_LOCKED;
    return true;
}

/* ---- Spaces ---- */

static bool limit_run(void)
{
    struct model_space *space = draw_space();
    uint64_t bytes;

    if (!space)
        return false;
    bytes = rig_chance(30) ? (space->count + rig_below(40)) * (uint64_t)PAGE_BYTES : 1ull << 40;
    rig_operation("%s: limit 0x%llx", space->name, (unsigned long long)bytes);
    if (space_limit(space->real, bytes) != 0)
        rig_fail("space_limit fails");
    space->limit_bytes = bytes;
    return true;
}

static bool space_free_there(void)
{
    for (unsigned i = 0; i < MODEL_SPACES; i++)
        if (!model_spaces()[i].real)
            return true;
    return false;
}

static bool create_run(void)
{
    struct space *real;

    if (!space_free_there() || (draw_space() && rig_chance(80)))
        return false;
    rig_operation("create");
    real = space_create("test");
    rig_result(real != NULL);
    if (!real)
        return false;
    (void)model_space_new(real);
    return true;
}

static bool fork_run(void)
{
    struct model_space *space = draw_space();
    struct space *child;
    errors_t errors = { 0 };

    if (!space || !space_free_there())
        return false;
    rig_operation("%s: fork", space->name);
    if (!answer_check(space, "space_fork", errors, RIG_WAIT(space_fork(space->real, &child))))
        return false;
    model_fork(space, model_space_new(child));
    return true;
}

static void put(struct model_space *space)
{
    rig_operation("%s: put", space->name);
    rig_leave(space->real);
    if (rig_chance(50)) {
        space_get(space->real);
        space_put(space->real);
    }
    space_put(space->real);
    model_space_drop(space);
    model_objects_collect();
}

static bool put_run(void)
{
    struct model_space *space = draw_space();

    if (!space)
        return false;
    put(space);
    return true;
}

void put_everything(void)
{
    for (unsigned i = 0; i < MODEL_SPACES; i++)
        if (model_spaces()[i].real)
            put(&model_spaces()[i]);
    for (unsigned i = 0; i < MODEL_OBJECTS; i++)
        if (model_objects()[i].handle) {
            model_objects()[i].handle = false;
            object_put(model_objects()[i].real);
        }
    model_objects_collect();
}

const struct vm_operation vm_shapes[] = {
    { "map", 12, map_run },
    { "unmap", 5, unmap_run },
    { "protect", 7, protect_run },
    { "remap", 5, remap_run },
    { "advise", 8, advise_run },
    { "lock", 3, lock_run },
    { "limit", 1, limit_run },
    { "create", 6, create_run },
    { "fork", 3, fork_run },
    { "put", 1, put_run },
    { 0 },
};
