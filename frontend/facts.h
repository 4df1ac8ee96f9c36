/* Where facts about the machine (struct orrery_facts) go: words for people, or one JSON object. */
#ifndef FRONTEND_FACTS_H
#define FRONTEND_FACTS_H

#include <stdbool.h>
#include <stdio.h>

#include "machine/orrery.h"

#define FACTS_DEPTH 16

struct facts {
    struct orrery_facts sink;
    FILE *out;
    void *stack[FACTS_DEPTH]; /* JSON: what is open, outermost first */
    unsigned depth;
};

/* False: it was to be JSON, and there is no Jansson. */
bool facts_begin(struct facts *f, bool json, FILE *out);
void facts_end(struct facts *f);

#endif
