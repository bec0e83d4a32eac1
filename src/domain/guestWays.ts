/** Where guests call in, and who is a guest. */
export interface GuestWays {
  /** The first is the one without which guests can not call in. */
  doors: readonly GuestWay[];
  /** All addresses that guests of any deployment on the engine may have ("172.20.0.0/16"), ... */
  guests: readonly string[];
  /** ... but for these among them, which are hosts'. */
  hosts: readonly string[];
}

/** An address of this machine at which guests come. */
export interface GuestWay {
  /** Whose address it is, for people. No two ways have the same. */
  whose: string;
  /**
   * Which guests take it, for people, to stand behind "guests": "in user-mode networking". Empty: all do. Left out: none that are made now,
   * so it is told of to nobody.
   */
  which?: string;
  /** What to do where that is no address of this machine. */
  elsewhere: string;
  /** Undefined: there is none now. */
  address: string | undefined;
  /** Why there is none, and what to do. */
  problem?: string;
}
