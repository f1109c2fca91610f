// Alice leaves a device asleep on the server. What Bob says while nobody of hers is
// logged in is for that device; the next one she logs in at wakes it and reads.
import { Person, check, equal, play, until } from "./people.mjs";

const asleep = async (by, who) => {
    const devices = (await by.client.getCrypto().getUserDeviceInfo([who.id], true)).get(who.id);
    return [...(devices?.values() ?? [])].filter((d) => d.dehydrated);
};

await play(async () => {
    const alice = await (await new Person("alice").register()).starts();
    const bob = await (await new Person("bob").register()).starts();
    await alice.secure();
    await bob.secure();
    const room = await alice.createsEncrypted([bob]);
    await bob.reads(room, await alice.say(room, "good night"), "good night");
    check(await alice.client.getCrypto().isDehydrationSupported(), "the server keeps devices that sleep");
    await alice.client.getCrypto().startDehydration();
    await until("Bob sees one device asleep", async () => (await asleep(bob, alice)).length === 1);
    const [first] = await asleep(bob, alice);
    await alice.client.logout(true);

    // Enough for more than one page of messages: each in a session of its own.
    const said = {};
    for (let i = 0; i < 12; i++) {
        await bob.client.getCrypto().forceDiscardSession(room);
        said[`while you slept ${i}`] = await bob.say(room, `while you slept ${i}`);
    }

    const next = await alice.another();
    let woke;
    next.client.on("dehydration.RehydrationProgress", (keys, messages) => { woke = [keys, messages]; });
    await next.starts();
    const crypto = next.client.getCrypto();
    await until("the device knows its owner's keys", () => crypto.userHasCrossSigningKeys(next.id, true));
    await crypto.bootstrapCrossSigning({});
    await crypto.startDehydration();
    const [keys, messages] = await until("the sleeping device wakes", () => woke);
    check(keys >= 12 && messages >= 12, `the sleeping device had ${keys} keys in ${messages} messages`);
    for (const text in said) await next.reads(room, said[text], text);

    // Another one sleeps in its place.
    await until("Bob sees the next one asleep", async () => {
        const list = await asleep(bob, alice);
        return list.length === 1 && list[0].deviceId !== first.deviceId;
    });
    check(true, "another device sleeps now, and one only");
    const { devices } = await next.client.getDevices();
    equal(devices.length, 2, "the new one and the one that sleeps");
});
