// A device was away while thousands of messages were sent to it. It comes back and
// gets every one, once, and in order. The test sends them when it is asked to.
import { Person, ask, check, equal, number, play, tell, until } from "./people.mjs";

const count = number(0);

await play(async () => {
    const alice = new Person("alice", "correct horse");
    await alice.uses(await alice.loginOnce(), { crypto: false });
    const got = [];
    alice.client.on("toDeviceEvent", (e) => e.getType() === "test.count" && got.push(e.getContent().n));
    await alice.starts();
    await ask("send 1 " + alice.device);
    await until("the first message", () => got.length === 1);
    alice.goesAway();
    await ask(`send ${count} ${alice.device}`);
    const before = alice.syncs.length;
    const began = performance.now();
    alice.comesBack();
    await until("all messages came", () => got.length > count, 120000);
    tell(`${count} messages to the device came in ${Math.round(performance.now() - began)} ms, in ${alice.syncs.length - before} syncs`);
    check(got.every((n, i) => n === i), "every message came once, and in order");
    check(alice.syncs.length - before > 2, "over several syncs");
    // And it is up to date: what is said now comes at once.
    await ask("send 1 " + alice.device);
    await until("one more", () => got.length === count + 2);
    equal(got.length, count + 2, "nothing came twice");
});
