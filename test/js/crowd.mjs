// A room of hundreds, whose members are loaded as they are needed. The test has made
// the people and the room: its id, the number of members and who spoke last are said
// as arguments.
import { Person, check, equal, play, until } from "./people.mjs";

const [room, members, anna, zoe] = process.argv.slice(3);
const lazily = { lazyLoadMembers: true, initialSyncLimit: 10 };

await play(async () => {
    const alice = new Person("alice", "correct horse");
    await alice.uses(await alice.loginOnce(), { crypto: false });
    await alice.starts(lazily);
    const known = () => alice.room(room).getMembers().map((m) => m.userId);
    const here = alice.room(room);
    equal(here.getJoinedMemberCount(), Number(members), "how many are in the room");
    check(known().length < 20, `of the members few are told at first: ${known().length}`);
    check(known().includes(alice.id), "Alice herself among them");
    equal(here.getMember(anna)?.name, "Anna A.", "who speaks has a name");
    check(/ and \d+ others$/.test(here.name), `the room has the name of its heroes: ${here.name}`);
    check(!here.name.includes(":example.org"), "by their names");
    const token = (await alice.client.http.authedRequest("GET", "/sync", { timeout: "0", filter: JSON.stringify({ room: { state: { lazy_load_members: true } } }) })).rooms.join[room];
    check(token.state.events.filter((e) => e.type === "m.room.member").length < 20, "a sync without the library says the same");

    // Somebody who was not seen before speaks.
    check(!here.getMember(zoe), "Zoe is not known yet");
    const bob = await (new Person("zoe", "correct horse"));
    await bob.uses(await bob.loginOnce(), { crypto: false });
    await bob.client.sendTextMessage(room, "me too");
    await until("Zoe speaks", () => here.getLiveTimeline().getEvents().some((e) => e.getContent().body === "me too"));
    equal(here.getMember(zoe)?.name, "Zoe Z.", "and has a name at once");
    check(known().length < 20, `the others stay unknown: ${known().length}`);

    // Back in the past, who speaks there has a name too.
    const past = here.getLiveTimeline();
    while (await alice.client.paginateEventTimeline(past, { backwards: true, limit: 30 }));
    const speakers = new Set(past.getEvents().filter((e) => e.getType() === "m.room.message").map((e) => e.sender?.rawDisplayName));
    check(!speakers.has(undefined) && [...speakers].every((n) => n && !n.startsWith("@")), `all who spoke have names: ${[...speakers].join(", ")}`);

    await here.loadMembersIfNeeded();
    equal(here.getJoinedMembers().length, Number(members), "all members, when they are asked for");
    equal(here.getMember(zoe).name, "Zoe Z.", "with their names");

    // The filter survives being away.
    alice.goesAway();
    await bob.client.http.authedRequest("PUT", `/profile/${zoe}/displayname`, undefined, { displayname: "Zoe X." });
    await bob.client.leave(room);
    alice.comesBack();
    await until("Zoe has left", () => here.getMember(zoe).membership === "leave");
    equal(here.getJoinedMemberCount(), Number(members) - 1, "one less");
});
