/* The command loop. Says "R" when ready. A line "list" is answered by a line
 * "K<tab>name<tab>ops<tab>unit" for each kernel and "E"; "NUMBER REPS", a kernel by its place in
 * that list, by "S" when it starts and "E checksum stamps" when it has run. Numbers are decimal. */
#include "runtime.h"

extern const struct kernel __start_kernels[], __stop_kernels[];

static void put_text(const char *s)
{
    while (*s)
        runtime_put(*s++);
}

static void put_number(u32 v)
{
    char text[12], *p = text + 11;
    *p = 0;
    do
        *--p = (char)('0' + v % 10);
    while (v /= 10);
    put_text(p);
}

static void put_row(const char *group, const char *name, u32 ops, const char *unit)
{
    put_text("K\t");
    put_text(group);
    put_text(name);
    put_text("\t");
    put_number(ops);
    put_text("\t");
    put_text(unit);
    put_text("\n");
}

static u32 own_kernels(void)
{
    return (u32)(__stop_kernels - __start_kernels);
}

static void list(void)
{
    struct extra_kernel e;
    for (u32 i = 0; i < own_kernels(); i++) {
        const struct kernel *k = &__start_kernels[i];
        put_row("", k->name, k->ops, k->unit);
    }
    for (u32 i = 0; runtime_extra(i, &e); i++)
        put_row(e.group, e.name, e.ops, e.unit);
    put_text("E\n");
}

static void run(u32 index, u32 reps)
{
    put_text("S\n");
    u64 began = runtime_stamp();
    u32 sum = index < own_kernels() ? __start_kernels[index].fn(reps)
                                    : runtime_run_extra(index - own_kernels(), reps);
    u64 stamps = runtime_stamp() - began;
    put_text("E ");
    put_number(sum);
    put_text(" ");
    put_number(stamps > ~0u ? ~0u : (u32)stamps);
    put_text("\n");
}

void command_loop(void)
{
    put_text("R\n");
    for (;;) {
        u32 number[2] = {0, 0}, n = 0;
        int c, first = 0;
        while ((c = runtime_get()) != '\n') {
            if (c < 0)
                return;
            if (!first)
                first = c;
            if (c == ' ')
                n = 1;
            else if (c >= '0' && c <= '9')
                number[n] = number[n] * 10 + (u32)(c - '0');
        }
        if (first == 'l')
            list();
        else if (number[1])
            run(number[0], number[1]);
    }
}
