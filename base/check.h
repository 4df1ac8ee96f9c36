/* Checks of our own invariants, always on. A failed CHECK is a bug in Orrery, never a guest's
 * doing: it prints the place, the message and whatever the running machine registered with
 * check_set_report() (guest PC, recent history), then aborts. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

/* Registers a function of this thread that prints the machine's history to stderr; NULL removes it.
 */
void check_set_report(void (*report)(void *opaque), void *opaque);

_Noreturn void check_failed(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define CHECK(cond, ...)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0))                                                          \
            check_failed(__FILE__, __LINE__, __VA_ARGS__);                                         \
    } while (0)

#endif
