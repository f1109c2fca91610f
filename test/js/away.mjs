// Two clients were away while tens of thousands of events came into a room. One comes
// back and reads on from the end, with a gap behind it; the other one fills the gap,
// page by page, down to what it had.
import { Person, ask, check, equal, number, play, sdk, tell, until } from "./people.mjs";

const count = number(0);
const room = process.argv[4];
const bodies = (timeline) => timeline.getEvents().filter((e) => e.getType() === "m.room.message").map((e) => e.getContent().body);
const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);

async function comesTo(name) {
    const p = new Person(name, "correct horse");
    await p.uses(await p.loginOnce(), { crypto: false });
    await p.starts({ initialSyncLimit: 20, lazyLoadMembers: true });
    await until("there is the room", () => p.room(room));
    return p;
}

// returns ends the absence, and tells how long it took until the newest is there.
async function returns(p) {
    const began = performance.now();
    p.comesBack();
    await until(p.name + " has the newest", () => bodies(p.room(room).getLiveTimeline()).at(-1) === "the end");
    const sync = p.syncs.find((s) => s.body.rooms?.join?.[room]?.timeline?.limited && s.at >= began - 1000);
    tell(`${p.name} caught up with ${count} events in ${Math.round(performance.now() - began)} ms; the sync took ${Math.round(sync.took)} ms`);
    return sync.body.rooms.join[room];
}

// readsGap reads what is missing, without the library's timelines, and checks that it
// is all of it, each once.
async function readsGap(p) {
    const gap = (await returns(p)).timeline;
    const began = performance.now();
    const said = (events) => events.filter((e) => e.type === "m.room.message").map((e) => e.content.body).reverse();
    const back = said(gap.events);
    let pages = 0;
    for (let from = gap.prev_batch; from && !back.includes("before"); pages++) {
        const page = await p.client.createMessagesRequest(room, from, 1000, sdk.Direction.Backward);
        back.push(...page.chunk.filter((e) => e.type === "m.room.message").map((e) => e.content.body));
        from = page.end;
    }
    tell(`${back.length} messages were read back in ${Math.round(performance.now() - began)} ms, in ${pages} pages`);
    const order = back.slice(0, back.indexOf("before")).reverse();
    equal([order.length, new Set(order).size, order.at(-1)], [count + 1, count + 1, "the end"], "the gap holds every message once");
    return order;
}

await play(async () => {
    const alice = await comesTo("alice");
    const bob = await comesTo("bob");
    const known = alice.room(room).getLiveTimeline().getEvents().at(-1).getId();
    equal(alice.room(room).name, "Before", "the room has its first name");
    for (const p of [alice, bob]) p.goesAway();
    await ask("fill");

    const answer = await returns(alice);
    equal(answer.timeline.limited, true, "the timeline has a gap");
    check(answer.timeline.events.length <= 20, `and few events: ${answer.timeline.events.length}`);
    const here = alice.room(room);
    equal(here.name, "Meanwhile", "the name that changed in the gap is known");
    equal(here.getJoinedMemberCount(), 4, "so is who joined in it");
    check(here.getUnreadNotificationCount() > count / 2, `and how much is unread: ${here.getUnreadNotificationCount()}`);

    const order = await readsGap(bob);

    // Back through some hundred events.
    const live = here.getLiveTimeline();
    while (bodies(live).length < 500) await alice.client.paginateEventTimeline(live, { backwards: true, limit: 100 });
    const read = bodies(live);
    check(same(read, order.slice(-read.length)), `the last ${read.length} messages are those that the other one read`);

    // What was known before is a timeline of its own, and goes on into the gap.
    const old = here.getUnfilteredTimelineSet().getTimelineForEvent(known);
    check(old && old !== live, "what was known is kept apart from it");
    const since = () => bodies(old).slice(bodies(old).indexOf("before") + 1); // the first may have come to a sync that waited
    while (since().length < 300 && (await alice.client.paginateEventTimeline(old, { backwards: false, limit: 100 })));
    const on = since();
    check(on.length >= 300 && same(on, order.slice(0, on.length)), `from there on the ${on.length} follow that the other one read`);

    // Both go on.
    for (const [p, other] of [[alice, bob], [bob, alice]]) {
        const id = await p.say(room, "we go on");
        await until("the other reads it", () => other.event(room, id));
    }
    check(true, "both go on");
});
