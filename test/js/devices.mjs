// Alice talks with Bob, and comes with more devices: one is verified with the key of
// her secret storage, one by comparing emoji with her first. Each reads what was
// said before it was there.
import { Person, check, equal, play, until } from "./people.mjs";

// signed waits until somebody's app shows a device as signed by its owner.
function signed(by, who) {
    return until(`${by.name} at ${by.device} sees ${who.device} as signed`, async () =>
        (await by.client.getCrypto().getDeviceVerificationStatus(who.id, who.device))?.signedByOwner);
}

// restores takes the secrets out of the storage, signs the device with them and reads
// the backup.
async function restores(p) {
    const crypto = p.client.getCrypto();
    await until("the device knows its owner's keys", () => crypto.userHasCrossSigningKeys(p.id, true));
    await crypto.bootstrapCrossSigning({});
    await crypto.loadSessionBackupPrivateKeyFromSecretStorage();
    return crypto.restoreKeyBackup();
}

// compares verifies two devices with each other: both see the same emoji.
async function compares(one, other) {
    const seen = {};
    const goes = (p, request) => new Promise((done, broke) => {
        const verifies = (verifier) => {
            verifier.on("show_sas", (sas) => {
                seen[p.device] = sas.sas.emoji.map(([emoji]) => emoji).join("");
                sas.confirm().catch(broke);
            });
            verifier.verify().then(done, broke);
        };
        let begun = false;
        const look = () => {
            if (request.phase === 5) broke(new Error("cancelled: " + request.cancellationCode));
            if (begun || !request.verifier) return;
            begun = true;
            verifies(request.verifier);
        };
        request.on("change", look);
        look();
    });
    const incoming = new Promise((come) => one.client.once("crypto.verificationRequestReceived", come));
    const mine = await other.client.getCrypto().requestOwnUserVerification();
    const theirs = await incoming;
    await theirs.accept();
    await until("the request is ready", () => mine.phase === 3);
    await mine.startVerification("m.sas.v1");
    await until("the other sees it start", () => theirs.verifier);
    await Promise.all([goes(one, theirs), goes(other, mine)]);
    equal(seen[one.device], seen[other.device], "both devices show the same emoji");
    check(seen[one.device], "and there are some");
}

await play(async () => {
    const alice = await (await new Person("alice").register()).starts();
    const bob = await (await new Person("bob").register()).starts();
    await alice.secure();
    await bob.secure();
    const room = await alice.createsEncrypted([bob]);
    const said = {};
    for (const [p, text] of [[alice, "one"], [bob, "two"], [alice, "three"]]) said[text] = await p.say(room, text);
    await alice.reads(room, said.two, "two");
    await bob.reads(room, said.three, "three");
    await alice.backsUp(2);
    await signed(bob, alice);

    // With the recovery key.
    const second = await (await alice.another()).starts();
    const restored = await restores(second);
    equal([restored.imported, restored.total], [2, 2], "the second device restores both sessions from the backup");
    for (const text in said) await second.reads(room, said[text], text);
    for (const p of [alice, bob, second]) await signed(p, second);
    check(await second.client.getCrypto().isCrossSigningReady(), "the second device has the private keys");

    // With emoji. The third device has no recovery key: what it needs is sent to it.
    const third = await (await alice.another()).starts();
    third.keys = {};
    const crypto = third.client.getCrypto();
    await until("the device knows its owner's keys", () => crypto.userHasCrossSigningKeys(third.id, true));
    second.goesAway();
    await until("the first device knows the third", async () => (await alice.client.getCrypto().getUserDeviceInfo([alice.id])).get(alice.id).has(third.device));
    await compares(alice, third);
    for (const p of [alice, bob, third]) await signed(p, third);
    await signed(third, alice);
    await until("the third device is given the private keys", () => crypto.isCrossSigningReady());
    await until("and the key of the backup", () => crypto.getSessionBackupPrivateKey());
    await crypto.checkKeyBackupAndEnable();
    equal((await crypto.restoreKeyBackup()).imported, 2, "and restores both sessions with it");
    for (const text in said) await third.reads(room, said[text], text);

    // Bob verifies Alice, and all her devices are verified for him.
    await bob.client.getCrypto().setDeviceVerified(alice.id, alice.device, true);
    for (const [p, text] of [[third, "four"], [bob, "five"]]) said[text] = await p.say(room, text);
    for (const p of [alice, bob, third]) for (const text of ["four", "five"]) await p.reads(room, said[text], text);
    const shield = await bob.client.getCrypto().getEncryptionInfoForEvent(bob.event(room, said.four));
    check(shield.shieldReason !== 5 && shield.shieldReason !== 3, "Bob's app shows no warning on what the third device says: " + JSON.stringify(shield));
    second.comesBack();
    for (const text of ["four", "five"]) await second.reads(room, said[text], text);
});
