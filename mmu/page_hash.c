/* The hash of a guest's memory, by page, so that it need not be read anew where nobody has written
 * since: a page that is marked as hashed has its hash in its area. */
#include "base/bytes.h"
#include "base/hash.h"
#include "mmu/phys.h"

#define SUM 8u /* bytes of a page's hash, little-endian so that all hosts agree */

static void hash_page(const struct phys_area *a, u64 n)
{
    struct hash h;

    hash_init(&h);
    hash_bytes(&h, a->mem + (n << PAGE_BITS), PAGE_SIZE);
    store_le(a->sums + n * SUM, SUM, hash_value(&h));
    a->clean[n] |= PHYS_HASHED;
}

void phys_hash_areas(struct phys *p, struct hash *h)
{
    for (unsigned i = 0; i < phys_areas(p); i++) {
        const struct phys_area *a = phys_area(p, i);
        u64 pages = a->size >> PAGE_BITS;

        for (u64 n = 0; a->mem && n < pages; n++)
            if (!(a->clean[n] & PHYS_HASHED))
                hash_page(a, n);
        if (a->mem)
            hash_bytes(h, a->sums, pages * SUM);
    }
}
