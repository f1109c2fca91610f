// Two people talk, end to end encrypted, through a Chancery server that is killed
// in the middle. The test that starts this says where the server is; at "KILL" it
// kills and restarts it, and answers "GO".
import * as sdk from "matrix-js-sdk";
import { createInterface } from "node:readline";

const base = process.argv[2];
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
for (const level of ["log", "info", "debug", "warn", "trace"]) console[level] = () => {};
const tell = (text) => process.stdout.write(text + "\n");

function check(ok, what) {
    if (!ok) throw new Error("not so: " + what);
    tell("ok: " + what);
}

// until waits for a condition that events bring about.
function until(what, test, ms = 60000) {
    return new Promise((resolve, reject) => {
        const end = setTimeout(() => { clearInterval(poll); reject(new Error("never happened: " + what)); }, ms);
        const poll = setInterval(() => {
            const v = test();
            if (v) { clearInterval(poll); clearTimeout(end); resolve(v); }
        }, 25);
    });
}

class Person {
    constructor(name) {
        this.name = name;
        this.password = "correct horse " + name;
        this.keys = {};
    }

    async register() {
        const guest = sdk.createClient({ baseUrl: base });
        const answer = await guest.registerRequest({
            username: this.name, password: this.password, auth: { type: "m.login.dummy" },
            initial_device_display_name: this.name + "'s laptop",
        });
        this.client = sdk.createClient({
            baseUrl: base, userId: answer.user_id, deviceId: answer.device_id, accessToken: answer.access_token,
            cryptoCallbacks: {
                getSecretStorageKey: async ({ keys }) => {
                    const id = Object.keys(keys).find((k) => this.keys[k]);
                    return id ? [id, this.keys[id]] : null;
                },
                cacheSecretStorageKey: (id, _info, key) => { this.keys[id] = key; },
            },
        });
        this.id = answer.user_id;
        await this.client.initRustCrypto({ useIndexedDB: false });
        await this.client.startClient({ initialSyncLimit: 50 });
        await until(this.name + " syncs", () => this.client.isInitialSyncComplete());
    }

    async secure() {
        const crypto = this.client.getCrypto();
        await crypto.bootstrapCrossSigning({
            authUploadDeviceSigningKeys: (request) => request({
                type: "m.login.password", identifier: { type: "m.id.user", user: this.id }, password: this.password,
            }),
        });
        await crypto.bootstrapSecretStorage({
            createSecretStorageKey: () => crypto.createRecoveryKeyFromPassphrase(),
            setupNewKeyBackup: true,
        });
        await crypto.checkKeyBackupAndEnable();
        check(await crypto.isCrossSigningReady(), this.name + " has cross-signing");
        check(await crypto.isSecretStorageReady(), this.name + " has secret storage");
        check(await crypto.getActiveSessionBackupVersion(), this.name + " has a key backup");
    }

    say(room, body, more = {}) {
        return this.client.sendEvent(room, "m.room.message", { msgtype: "m.text", body, ...more });
    }

    event(room, id) {
        return this.client.getRoom(room)?.findEventById(id);
    }

    async reads(room, id, body) {
        const ev = await until(`${this.name} reads "${body}"`, () => {
            const e = this.event(room, id);
            return e && !e.isBeingDecrypted() && !e.isDecryptionFailure() && e.getContent().body === body ? e : null;
        });
        check(ev.isEncrypted(), `${this.name} decrypts "${body}"`);
        return ev;
    }
}

async function before(alice, bob) {
    await alice.register();
    await bob.register();
    await alice.secure();
    await bob.secure();
    const { room_id: room } = await alice.client.createRoom({
        preset: "private_chat", invite: [bob.id], name: "The two of us",
        initial_state: [{ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }],
    });
    await until("bob is invited", () => bob.client.getRoom(room)?.getMyMembership() === "invite");
    await bob.client.joinRoom(room);
    await until("alice sees bob join", () => alice.client.getRoom(room)?.getMember(bob.id)?.membership === "join");
    await until("bob knows that it is encrypted", () => bob.client.getRoom(room)?.hasEncryptionStateEvent());

    const hello = (await alice.say(room, "hello bob")).event_id;
    await bob.reads(room, hello, "hello bob");
    const answer = (await bob.say(room, "hello alice")).event_id;
    await alice.reads(room, answer, "hello alice");

    const edit = { "m.new_content": { msgtype: "m.text", body: "good day bob" }, "m.relates_to": { rel_type: "m.replace", event_id: hello } };
    await alice.say(room, "* good day bob", edit);
    await until("bob sees the edit", () => bob.event(room, hello)?.getContent().body === "good day bob");
    check(true, "bob sees the edit");

    const like = await bob.client.sendEvent(room, "m.reaction", { "m.relates_to": { rel_type: "m.annotation", event_id: hello, key: "👍" } });
    await until("alice sees the reaction", () => alice.event(room, like.event_id));
    check(true, "alice sees the reaction");

    const reply = await bob.say(room, "in the thread", { "m.relates_to": { rel_type: "m.thread", event_id: hello } });
    await until("alice sees the thread", () => alice.client.getRoom(room).getThread(hello)?.findEventById(reply.event_id)?.getContent().body === "in the thread"
        || alice.event(room, reply.event_id)?.getContent().body === "in the thread");
    check(true, "alice reads the reply in the thread");

    const slip = (await bob.say(room, "a slip")).event_id;
    await alice.reads(room, slip, "a slip");
    await bob.client.redactEvent(room, slip, undefined, { reason: "a slip" });
    await until("alice sees the redaction", () => alice.event(room, slip)?.isRedacted());
    check(true, "alice sees the redaction");
    return { room, hello, answer, slip };
}

async function after(alice, bob, { room, hello, answer, slip }) {
    const back = (await alice.say(room, "we are back")).event_id;
    await bob.reads(room, back, "we are back");
    const indeed = (await bob.say(room, "indeed")).event_id;
    await alice.reads(room, indeed, "indeed");

    const history = await alice.client.createMessagesRequest(room, null, 200, sdk.Direction.Backward);
    const ids = history.chunk.map((e) => e.event_id);
    for (const [what, id] of Object.entries({ hello, answer, slip, back, indeed })) {
        check(ids.filter((x) => x === id).length === 1, `the history holds ${what} once`);
    }
    check(Object.keys(history.chunk.find((e) => e.event_id === slip).content).length === 0, "the redacted event is empty");

    // A second device reads it all with what the backup holds.
    const second = new Person("alice");
    const login = await sdk.createClient({ baseUrl: base }).loginRequest({
        type: "m.login.password", identifier: { type: "m.id.user", user: "alice" }, password: alice.password,
    });
    second.id = login.user_id;
    second.keys = alice.keys;
    second.client = sdk.createClient({
        baseUrl: base, userId: login.user_id, deviceId: login.device_id, accessToken: login.access_token,
        cryptoCallbacks: { getSecretStorageKey: async ({ keys }) => { const id = Object.keys(keys).find((k) => alice.keys[k]); return id ? [id, alice.keys[id]] : null; } },
    });
    await until("alice's keys are backed up", () => alice.backedUp);
    await second.client.initRustCrypto({ useIndexedDB: false });
    await second.client.startClient({ initialSyncLimit: 50 });
    await until("the second device syncs", () => second.client.isInitialSyncComplete());
    const crypto = second.client.getCrypto();
    // The device learns its owner's public keys before it can take the private ones.
    while (!(await crypto.userHasCrossSigningKeys(second.id, true))) await new Promise((next) => setTimeout(next, 50));
    await crypto.bootstrapCrossSigning({});
    await crypto.loadSessionBackupPrivateKeyFromSecretStorage();
    const restored = await crypto.restoreKeyBackup();
    check(restored.imported > 0, "the second device restores keys from the backup");
    await second.client.decryptEventIfNeeded(second.event(room, answer) ?? {}, { isRetry: true }).catch(() => {});
    await until("the second device reads the history", () => second.event(room, answer)?.getContent().body === "hello alice");
    check(true, "the second device reads the history");
    second.client.stopClient();
}

const alice = new Person("alice");
const bob = new Person("bob");
try {
    const talk = await before(alice, bob);
    alice.client.on("crypto.keyBackupSessionsRemaining", (n) => { if (n === 0) alice.backedUp = true; });
    tell("KILL");
    const { value } = await lines.next();
    check(value === "GO", "the server is back");
    await after(alice, bob, talk);
    tell("DONE");
    process.exit(0);
} catch (e) {
    tell("FAILED: " + (e.stack ?? e));
    process.exit(1);
}
