/** Every SMTP bound lives here and nowhere else; the size of a message is configured. */
export const smtpLimits = {
  recipientsMax: 1000, // RFC 5321 §4.5.3.1.8: a server may not accept fewer than 100
  refusedRecipientsMax: 100, // of one connection; then it is closed
  commandLineBytesMax: 4096, // RFC 5321 §4.5.3.1.4 gives 512; AUTH and SMTPUTF8 lines are longer
  idleMsMax: 5 * 60_000, // RFC 5321 §4.5.3.2.7
  connectionsMax: 2000,
  connectionsPerAddressMax: 50, // of an address that is not this machine's own
  holdSecondsMax: 30 * 86_400, // RFC 4865 §4: announced with EHLO
  envidBytesMax: 100, // RFC 3461 §4.4
  orcptBytesMax: 500, // RFC 3461 §4.2
  stopMsMax: 10_000,
} as const
