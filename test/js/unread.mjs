// What is unread, read, typed and muted, and who is there, as an app shows it.
import { Person, check, equal, play, sdk, until } from "./people.mjs";

const counts = (p, room) => [p.room(room).getRoomUnreadNotificationCount("total"), p.room(room).getRoomUnreadNotificationCount("highlight")];
const apart = (p, room, thread) => [p.room(room).getThreadUnreadNotificationCount(thread, "total"), p.room(room).getThreadUnreadNotificationCount(thread, "highlight")];
const shows = (p, room, want, what) => until(what, () => JSON.stringify(counts(p, room)) === JSON.stringify(want), 20000)
    .then(() => check(true, `${what}: ${want}`), () => equal(counts(p, room), want, what));
const showsApart = (p, room, thread, want, what) => until(what, () => JSON.stringify(apart(p, room, thread)) === JSON.stringify(want), 20000)
    .then(() => check(true, `${what}: ${want}`), () => equal(apart(p, room, thread), want, what));

await play(async () => {
    const people = [];
    for (const name of ["alice", "bob"]) {
        const p = await new Person(name).register();
        p.crypto = false;
        people.push(await p.starts({ threadSupport: name === "bob" })); // who shows threads is Bob
    }
    const [alice, bob] = people;
    const phone = await (await bob.another({ crypto: false })).starts({ threadSupport: true });
    const room = await alice.creates({ preset: "public_chat", name: "Hall" });
    await bob.client.joinRoom(room);
    for (const p of [bob, phone]) await until("the room is there", () => p.room(room)?.getMyMembership() === "join");
    await until("Alice sees Bob join", () => alice.room(room).getMember(bob.id)?.membership === "join");
    const mention = { "m.mentions": { user_ids: [bob.id] } };

    // Counts and receipts.
    const one = await alice.say(room, "one");
    const two = await alice.say(room, "bob, two", mention);
    for (const p of [bob, phone]) await shows(p, room, [2, 1], "two are unread, one of them for Bob");
    await until("bob has it", () => bob.event(room, two));
    await bob.client.sendReadReceipt(bob.event(room, one));
    await shows(phone, room, [1, 1], "after the first was read, on the other device");
    await bob.client.sendReadReceipt(bob.event(room, two), sdk.ReceiptType.ReadPrivate);
    for (const p of [bob, phone]) await shows(p, room, [0, 0], "after all was read, in private");
    await until("Alice sees how far Bob has read", () => alice.room(room).getUsersReadUpTo(alice.event(room, one)).includes(bob.id));
    check(!alice.room(room).getUsersReadUpTo(alice.event(room, two)).includes(bob.id), "and nothing of what he read in private");
    equal(phone.room(room).getEventReadUpTo(bob.id), two, "his other device knows both");

    // Threads.
    const inThread = (more) => ({ "m.relates_to": { rel_type: "m.thread", event_id: one, is_falling_back: true, "m.in_reply_to": { event_id: one } }, ...more });
    await alice.say(room, "in the thread", inThread());
    const last = await alice.say(room, "bob, in the thread", inThread(mention));
    await alice.say(room, "outside");
    await showsApart(bob, room, one, [2, 1], "the thread by itself");
    await shows(bob, room, [1, 0], "the room without it");
    const inside = await phone.client.fetchRoomEvent(room, last);
    await phone.client.sendReadReceipt(phone.client.getEventMapper()(inside));
    await showsApart(bob, room, one, [0, 0], "the thread after the phone has read it");
    await shows(bob, room, [1, 0], "the room is as it was");
    await bob.client.setRoomReadMarkers(room, bob.room(room).getLastLiveEvent().getId(), bob.room(room).getLastLiveEvent());
    for (const p of [bob, phone]) await shows(p, room, [0, 0], "after the marker was moved");
    await until("the phone knows the marker", () => phone.room(room).getAccountData("m.fully_read")?.getContent().event_id === bob.room(room).getLastLiveEvent().getId());

    // Typing.
    await bob.client.sendTyping(room, true, 20000);
    await until("Alice sees Bob type", () => alice.room(room).getMember(bob.id).typing);
    await bob.client.sendTyping(room, false, 0);
    await until("and stop", () => !alice.room(room).getMember(bob.id).typing);
    check(true, "Alice sees Bob type and stop");

    // Mentions only, muted, as before.
    await bob.client.setRoomMutePushRule("global", room, true);
    for (const p of [bob, phone]) await until("the rule is known", () => p.client.getRoomPushRule("global", room));
    await alice.say(room, "quiet");
    await alice.say(room, "bob!", mention);
    for (const p of [bob, phone]) await shows(p, room, [1, 1], "in a muted room, what mentions him");
    await bob.client.setRoomMutePushRule("global", room, false);
    await until("the rule is gone", () => !phone.client.getRoomPushRule("global", room));
    await alice.say(room, "loud");
    await shows(bob, room, [2, 1], "when it is loud again");
    await bob.client.addPushRule("global", sdk.PushRuleKind.ContentSpecific, "cake", { pattern: "cake", actions: ["notify", { set_tweak: "highlight" }] });
    await until("the word is known", () => phone.client.pushRules.global.content.some((r) => r.rule_id === "cake"));
    await alice.say(room, "there is cake");
    await shows(bob, room, [3, 2], "with a word of his own");

    // Presence.
    await alice.client.setSyncPresence("unavailable");
    await alice.client.setPresence({ presence: "unavailable", status_msg: "at lunch" });
    await until("Bob sees that Alice is away", () => bob.client.getUser(alice.id)?.presence === "unavailable" && bob.client.getUser(alice.id).presenceStatusMsg === "at lunch");
    check(true, "Bob sees that Alice is at lunch");
});
