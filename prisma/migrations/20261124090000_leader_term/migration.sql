-- CreateTable
CREATE TABLE "LeaderTerm" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "term" BIGINT NOT NULL DEFAULT 0,
    "since" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "LeaderTerm_pkey" PRIMARY KEY ("id")
);

-- What Prisma's schema language cannot say.

ALTER TABLE "LeaderTerm" ADD CONSTRAINT "LeaderTerm_one_row" CHECK ("id" = 1);
INSERT INTO "LeaderTerm" DEFAULT VALUES;
