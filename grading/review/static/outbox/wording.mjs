// What the page says of the outbox's state.

const kept = (count) => `${count} change${count === 1 ? " is" : "s are"} kept in this browser`;

const WORDS = {
  saved: ({ at }) => (at ? `Saved ${at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}` : "Nothing to save"),
  saving: ({ count }) => (count > 1 ? `Saving ${count} changes …` : "Saving …"),
  offline: ({ count }) => `No connection: ${kept(count)}`,
  retrying: ({ count }) => `The server cannot save now: ${kept(count)} and sent again`,
  "signed-out": ({ count }) => `Signed out: ${kept(count)} until you sign in again`,
  "other-person": ({ count }) => `Somebody else is signed in here: ${kept(count)} and not sent`,
  lost: ({ count }) => `This review is no longer yours: ${kept(count)}`,
  conflict: ({ count }) => `Saved differently elsewhere: choose for ${count} change${count === 1 ? "" : "s"}`,
  refused: ({ count }) => `The server refused ${count} change${count === 1 ? "" : "s"}`,
  locked: ({ count }) => `The review is locked: ${count} change${count === 1 ? " was" : "s were"} not saved`,
};

/** One line for a "state" event's detail {state, count, at, durable}. */
export function wording(detail) {
  const words = WORDS[detail.state](detail);
  return detail.durable === false && detail.count > 0 ? `${words}; keep this tab open` : words;
}
