/** Documented statuses of Inkbox’s contract that cannot happen here, each with the reason. */
export const unprovoked: Readonly<Record<string, string>> = {
  'approveAgentSignup 402':
    'approving makes nothing: the agent’s organization pays for its mailbox from the start',
}
