/* The profiler: where guest time goes, sampled every so many instructions of virtual time, so that
 * it is the same in every run; and where host time goes, sampled by a timer of the thread's CPU
 * time. A machine that has none does nothing for it. */
#ifndef MACHINE_PROFILE_H
#define MACHINE_PROFILE_H

#include "machine/machine.h"
#include "machine/orrery.h"

struct profile;

/* A profile as c asks for it, NULL with an empty err if it asks for none; NULL with one line in err
 * when symbols cannot be read or the host refuses. */
struct profile *profile_new(struct orrery *o, const struct orrery_config *c, char *err,
                            size_t err_size);
void profile_free(struct profile *p);

/* The instruction count at which the next sample is due: the machine stops there and calls
 * profile_sample(). */
u64 profile_due(const struct profile *p);
void profile_sample(struct profile *p);

/* Around orrery_run(): samples of host time belong to this profile. */
void profile_enter(struct profile *p);
void profile_leave(struct profile *p);

/* Ends sampling and writes the files. False if one could not be written; why in err. */
bool profile_finish(struct profile *p, char *err, size_t err_size);

/* -- profile_host.c -- */

struct host_profile;

/* NULL: no memory. */
struct host_profile *host_profile_new(struct jit *jit);
void host_profile_free(struct host_profile *h);
void host_profile_enter(struct host_profile *h);
/* Counts what the timer has seen since the last call. */
void host_profile_drain(struct host_profile *h);
void host_profile_stop(struct host_profile *h);
/* Samples by stack ("category;function;..."), by category, by innermost function. */
const struct tally *host_profile_stacks(const struct host_profile *h);
const struct tally *host_profile_categories(const struct host_profile *h);
const struct tally *host_profile_functions(const struct host_profile *h);

#endif
