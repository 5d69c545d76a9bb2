/* How a C program talks to Atoll: bare values, a counter in JSON with an acknowledgement level, errors, a session and a
 * watch. It needs no JSON library: bare values travel as they are, and errors stand in headers.
 *
 *   apt-get install gcc libnats-dev
 *   cc -o visits visits.c -lnats
 *   atoll up                        in a first terminal
 *   ./visits                        NATS_URL leads elsewhere
 */
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static natsConnection *nc;
static char session[4096] = "new"; /* the token of the last answer; it is shorter than that */

static void check(natsStatus s, const char *what)
{
    if (s == NATS_OK)
        return;
    fprintf(stderr, "visits: %s: %s%s\n", what, natsStatus_GetText(s),
            s == NATS_NO_SERVER ? "; start one with: atoll up" : "");
    exit(1);
}

/* ask sends a request in the session, prints what was answered, and keeps the token. */
static void ask(const char *subject, const char *payload, const char *ack)
{
    natsMsg *request = NULL, *answer = NULL;
    const char *header = NULL;

    check(natsMsg_Create(&request, subject, NULL, payload, (int)strlen(payload)), subject);
    check(natsMsgHeader_Set(request, "Atoll-Session", session), subject);
    if (ack != NULL)
        check(natsMsgHeader_Set(request, "Atoll-Ack", ack), subject);
    check(natsConnection_RequestMsg(&answer, nc, request, 5000), subject);

    if (natsMsgHeader_Get(answer, "Atoll-Session", &header) == NATS_OK && strlen(header) < sizeof session)
        strcpy(session, header);
    printf("%s: ", subject);
    if (natsMsgHeader_Get(answer, "Atoll-Error", &header) == NATS_OK)
        printf("error %s", header);
    else
        printf("%.*s", natsMsg_GetDataLength(answer), natsMsg_GetData(answer));
    if (natsMsgHeader_Get(answer, "Atoll-Ack", &header) == NATS_OK)
        printf(" (acknowledged by %s)", header);
    if (natsMsgHeader_Get(answer, "Atoll-Stale", &header) == NATS_OK)
        printf(" (may be stale)");
    printf("\n");
    natsMsg_Destroy(request);
    natsMsg_Destroy(answer);
}

int main(void)
{
    const char *url = getenv("NATS_URL");
    natsSubscription *changes = NULL;
    natsMsg *event = NULL;

    if (url == NULL)
        url = "nats://127.0.0.1:14201";
    check(natsConnection_ConnectTo(&nc, url), url);

    ask("atoll.eu.v1.raw.set.c:greeting", "any bytes", "regions:2");
    ask("atoll.us.v1.raw.get.c:greeting", "", NULL); /* read in another region: the session sees to that */
    ask("atoll.eu.v1.raw.get.c:nothing", "", NULL);

    check(natsConnection_SubscribeSync(&changes, nc, "atoll.eu.v1.changes.c:visits"), "watch");
    check(natsConnection_Flush(nc), "watch"); /* from here on it is heard */
    ask("atoll.eu.v1.incr", "{\"key\":\"c:visits\",\"ack\":\"regions:2\"}", NULL);
    check(natsSubscription_NextMsg(&event, changes, 5000), "watch");
    printf("changed: %.*s\n", natsMsg_GetDataLength(event), natsMsg_GetData(event));

    ask("atoll.eu.v1.hget", "{\"args\":[\"c:visits\",\"field\"]}", NULL);
    natsMsg_Destroy(event);
    natsSubscription_Destroy(changes);
    natsConnection_Destroy(nc);
    nats_Close();
    return 0;
}
