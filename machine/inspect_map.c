/* Mappings of pages kept under names, and what differs between two of them. */
#include "machine/facts.h"

#include <stdlib.h>
#include <string.h>

#define MAP_NAME 32

struct kept_map {
    struct kept_map *next;
    char name[MAP_NAME];
    u64 icount;
    struct mmu_page *page; /* in order of linear addresses */
    size_t n, room;
    bool failed; /* out of memory */
};

static void add(void *opaque, const struct mmu_page *p)
{
    struct kept_map *m = opaque;

    if (m->n == m->room) {
        size_t room = m->room ? 2 * m->room : 1024;
        struct mmu_page *page = realloc(m->page, room * sizeof(*page));
        m->failed |= !page;
        if (!page)
            return;
        m->page = page;
        m->room = room;
    }
    m->page[m->n++] = *p;
}

static void take(struct orrery *o, struct kept_map *m)
{
    m->n = 0;
    m->icount = cpu_icount(o->cpu);
    if (orrery_paging(o))
        mmu_list(&o->cpu->mmu, add, m);
}

static struct kept_map *find(struct orrery *o, const char *name)
{
    struct kept_map *m = o->maps;

    while (m && strcmp(m->name, name))
        m = m->next;
    return m;
}

bool orrery_keep_map(struct orrery *o, const char *name)
{
    struct kept_map *m = find(o, name);

    if (!m) {
        m = calloc(1, sizeof(*m));
        if (!m)
            return false;
        snprintf(m->name, sizeof(m->name), "%s", name);
        m->next = o->maps;
        o->maps = m;
    }
    m->failed = false;
    take(o, m);
    return !m->failed;
}

void maps_free(struct orrery *o)
{
    while (o->maps) {
        struct kept_map *m = o->maps;
        o->maps = m->next;
        free(m->page);
        free(m);
    }
}

/* A and D are the CPU's doing, no change of the mapping. */
static bool same(const struct mmu_page *a, const struct mmu_page *b)
{
    const u64 marks = 0x60;

    return a->size == b->size && !((a->entry ^ b->entry) & ~marks) && a->user == b->user &&
           a->writable == b->writable;
}

static void tell(const struct orrery_facts *f, char sign, const struct mmu_page *p)
{
    char bits[64];
    u64 pa = p->entry & 0x000ffffffffff000ull & ~(u64)(p->size - 1);

    entry_bits(p->entry, true, p->size > PAGE_SIZE, bits, sizeof(bits));
    fact_open(f, NULL);
    fact_text(f, "change", sign == '+' ? "added" : "removed");
    fact_number(f, "linear", p->la);
    fact_number(f, "size", p->size);
    fact_number(f, "physical", pa);
    fact_flag(f, "user", p->user);
    fact_flag(f, "writable", p->writable);
    fact_text(f, "bits", bits);
    fact_close(f);
    fact_line(f, "%c " LADDR_FMT " %4u KiB -> %09llx %s %s [%s]", sign, LADDR_ARG(p->la),
              p->size >> 10, (unsigned long long)pa, p->user ? "user" : "supervisor",
              p->writable ? "rw" : "r-", bits);
}

static void compare(const struct orrery_facts *f, const struct kept_map *a,
                    const struct kept_map *b)
{
    size_t i = 0, k = 0;

    fact_number(f, "from", a->icount);
    fact_number(f, "to", b->icount);
    fact_open_list(f, "changes");
    while (i < a->n || k < b->n) {
        if (k == b->n || (i < a->n && a->page[i].la < b->page[k].la)) {
            tell(f, '-', &a->page[i++]);
        } else if (i == a->n || b->page[k].la < a->page[i].la) {
            tell(f, '+', &b->page[k++]);
        } else {
            if (!same(&a->page[i], &b->page[k])) {
                tell(f, '-', &a->page[i]);
                tell(f, '+', &b->page[k]);
            }
            i++;
            k++;
        }
    }
    fact_close(f);
}

bool orrery_explain_map(struct orrery *o, const char *from, const char *to,
                        const struct orrery_facts *f, char *err, size_t err_size)
{
    struct kept_map now = {.name = "now"};
    const struct kept_map *a = find(o, from), *b = strcmp(to, "now") ? find(o, to) : &now;
    bool ok = a && b;

    if (!ok)
        snprintf(err, err_size, "there is no map '%s' (see: map NAME)", a ? to : from);
    if (ok && b == &now) {
        take(o, &now);
        ok = !now.failed;
        if (!ok)
            snprintf(err, err_size, "out of memory");
    }
    if (ok)
        compare(f, a, b);
    free(now.page);
    return ok;
}
