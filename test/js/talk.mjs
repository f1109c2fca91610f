// Two people talk, end to end encrypted, through a Chancery server that is killed
// in the middle.
import { Person, ask, check, play, sdk, until } from "./people.mjs";

async function before(alice, bob) {
    for (const p of [alice, bob]) await (await p.register()).starts();
    await alice.secure();
    await bob.secure();
    const room = await alice.createsEncrypted([bob], { name: "The two of us" });

    const hello = await alice.say(room, "hello bob");
    await bob.reads(room, hello, "hello bob");
    const answer = await bob.say(room, "hello alice");
    await alice.reads(room, answer, "hello alice");

    const edit = { "m.new_content": { msgtype: "m.text", body: "good day bob" }, "m.relates_to": { rel_type: "m.replace", event_id: hello } };
    await alice.say(room, "* good day bob", edit);
    await until("bob sees the edit", () => bob.event(room, hello)?.getContent().body === "good day bob");
    check(true, "bob sees the edit");

    const like = await bob.client.sendEvent(room, "m.reaction", { "m.relates_to": { rel_type: "m.annotation", event_id: hello, key: "👍" } });
    await until("alice sees the reaction", () => alice.event(room, like.event_id));
    check(true, "alice sees the reaction");

    const reply = await bob.say(room, "in the thread", { "m.relates_to": { rel_type: "m.thread", event_id: hello } });
    await until("alice sees the thread", () => alice.client.getRoom(room).getThread(hello)?.findEventById(reply)?.getContent().body === "in the thread"
        || alice.event(room, reply)?.getContent().body === "in the thread");
    check(true, "alice reads the reply in the thread");

    const slip = await bob.say(room, "a slip");
    await alice.reads(room, slip, "a slip");
    await bob.client.redactEvent(room, slip, undefined, { reason: "a slip" });
    await until("alice sees the redaction", () => alice.event(room, slip)?.isRedacted());
    check(true, "alice sees the redaction");
    return { room, hello, answer, slip };
}

async function after(alice, bob, { room, hello, answer, slip }) {
    const back = await alice.say(room, "we are back");
    await bob.reads(room, back, "we are back");
    const indeed = await bob.say(room, "indeed");
    await alice.reads(room, indeed, "indeed");

    const history = await alice.client.createMessagesRequest(room, null, 200, sdk.Direction.Backward);
    const ids = history.chunk.map((e) => e.event_id);
    for (const [what, id] of Object.entries({ hello, answer, slip, back, indeed })) {
        check(ids.filter((x) => x === id).length === 1, `the history holds ${what} once`);
    }
    check(Object.keys(history.chunk.find((e) => e.event_id === slip).content).length === 0, "the redacted event is empty");

    // A second device reads it all with what the backup holds.
    await alice.backsUp(2); // one of each
    const second = await (await alice.another()).starts();
    const crypto = second.client.getCrypto();
    // The device learns its owner's public keys before it can take the private ones.
    await until("the second device knows its owner's keys", () => crypto.userHasCrossSigningKeys(second.id, true));
    await crypto.bootstrapCrossSigning({});
    await crypto.loadSessionBackupPrivateKeyFromSecretStorage();
    const restored = await crypto.restoreKeyBackup();
    check(restored.imported > 0, "the second device restores keys from the backup");
    await second.reads(room, answer, "hello alice");
    second.client.stopClient();
}

await play(async () => {
    const alice = new Person("alice");
    const bob = new Person("bob");
    const talk = await before(alice, bob);
    await ask("kill");
    await after(alice, bob, talk);
});
