/* Networks while the machine runs. Frames that the guest sends go to libslirp at once; in a replay
 * there is nobody to send to. Copies of frames (pcap with nanoseconds) bear the guest's time, so
 * that of a replay is the same as the recorded run's. */
#include "frontend/session.h"
#include "frontend/usernet.h"

#include <string.h>

#include "base/bytes.h"

#define PCAP_MAGIC    0xa1b23c4du
#define PCAP_SNAPLEN  262144u
#define PCAP_ETHERNET 1u

static void to_dump(void *opaque, const void *frame, size_t len)
{
    struct nethost *n = opaque;
    uint64_t now = orrery_time_ns(n->session->machine);
    u8 header[16];

    store_le(header, 4, now / 1000000000);
    store_le(header + 4, 4, now % 1000000000);
    store_le(header + 8, 4, len);
    store_le(header + 12, 4, len);
    fwrite(header, sizeof(header), 1, n->dump);
    fwrite(frame, len, 1, n->dump);
}

static void start_dump(FILE *f)
{
    u8 header[24] = {0};

    store_le(header, 4, PCAP_MAGIC);
    header[4] = 2; /* version 2.4 */
    header[6] = 4;
    store_le(header + 16, 4, PCAP_SNAPLEN);
    store_le(header + 20, 4, PCAP_ETHERNET);
    fwrite(header, sizeof(header), 1, f);
}

static void to_host(void *opaque, const void *frame, size_t len)
{
    struct nethost *n = opaque;
    if (n->user)
        usernet_send(n->user, frame, len);
}

bool nethosts_open(struct session *s)
{
    struct nets *nets = &s->options.nets;

    for (unsigned i = 0; i < nets->count; i++) {
        const char *path = nets->dev[i].dump;
        s->nets[i].session = s;
        nets->config[i].large = true;
        nets->config[i].sink = (struct orrery_sink){to_host, &s->nets[i]};
        if (!path)
            continue;
        s->nets[i].dump = session_output(s, "object", path);
        if (!s->nets[i].dump)
            return false;
        nets->config[i].tap = (struct orrery_sink){to_dump, &s->nets[i]};
    }
    return true;
}

bool nethosts_start(struct session *s)
{
    const struct nets *nets = &s->options.nets;

    for (unsigned i = 0; i < nets->count; i++) {
        if (s->nets[i].dump)
            start_dump(s->nets[i].dump);
        if (s->options.config.replay)
            continue;
        s->nets[i].user = usernet_new(s, i, &nets->dev[i]);
        if (!s->nets[i].user)
            return false;
        s->waiting++;
    }
    return true;
}

void nethosts_stop(struct session *s)
{
    for (unsigned i = 0; i < ORRERY_NETS; i++) {
        if (!s->nets[i].user)
            continue;
        usernet_free(s->nets[i].user);
        s->nets[i].user = NULL;
        s->waiting--;
    }
}
