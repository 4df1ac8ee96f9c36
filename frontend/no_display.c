/* What stands in the table for displays whose libraries Orrery was built without. */
#include "frontend/display.h"

#ifndef HAVE_SDL
const struct display_type *const display_sdl = NULL;
#endif

#ifndef HAVE_CURSES
const struct display_type *const display_curses = NULL;
#endif

#ifndef HAVE_VNC
const struct display_type *const display_vnc = NULL;

bool display_set_password(struct session *s, const char *password)
{
    (void)s;
    (void)password;
    return false;
}

bool display_expire_password(struct session *s, int64_t when)
{
    (void)s;
    (void)when;
    return false;
}

bool display_vnc_server(const struct session *s, struct display_peer *name, bool *asks)
{
    (void)s;
    (void)name;
    (void)asks;
    return false;
}

bool display_vnc_client(const struct session *s, unsigned n, struct display_peer *name)
{
    (void)s;
    (void)n;
    (void)name;
    return false;
}
#endif
