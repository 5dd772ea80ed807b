"""Sentences whose mood is plain, written by hand for this project: what the words' teacher compares a line with.

They state moods and also only show them, since lyrics mostly do the latter; the last list is of lines that have no mood.
"""

SENTENCES = {
    "happy": """
I am so happy today that I could sing
The sun is shining and we are laughing together
Let's dance all night and have fun with our friends
What a wonderful day, everybody is smiling
I love you and you love me and life is good
We won the game and the whole town is cheering
Hooray, the holidays are here at last
Clap your hands and sing along with me
My heart is jumping for joy
Happy birthday, let us cut the cake and celebrate
I got the job, pop the champagne
She said yes, we are getting married in the spring
Turn the music up, this is the best party ever
Come on everybody, put your hands up in the air
We are young and free and nothing can stop us
I feel lucky, everything is going my way
The children are playing and giggling in the garden
You make me smile every single morning
I can't stop grinning since I met you
It's Friday night and we're going out on the town
Summer is here, let's drive to the beach with the top down
Welcome home, we have missed you, come and join the feast
I'm walking on air, I'm on top of the world
Good times are rolling and the band is playing our song
I woke up feeling great and ready for anything
We laughed until our bellies hurt
Sweet kisses, bright balloons and ice cream
I am proud of you, you made it, you did it
Spin me around, sweep me off my feet
The war is over, they are dancing in the streets
I won't be lonely any more, now I have you
Thank you for this beautiful life
Jump up and shout, we are champions tonight
The best days of our lives are right now
Shake your body, move to the rhythm, feel the groove
All my troubles are gone, I'm free as a bird
Oh what fun we are having
I found a new friend and the future looks bright
Hey baby, you look amazing, let's have some fun
My baby's coming back to me and I am over the moon
""",
    "angry": """
I hate you and I hope you pay for this
Get out of my house and never come back
You lied to my face and I am sick of it
I am so angry I could smash everything
Shut your mouth, I don't want to hear another word
I will fight you, come here and fight me
Burn it all down to the ground
You stole my money and you stabbed me in the back
How dare you talk to me like that
I scream and slam the door and break the glass
We will take revenge and make them suffer
My blood is boiling, my fists are clenched
You are a liar and a cheat and a thief
To hell with you and your stupid rules
They treat us like dirt and we have had enough
Tear down the walls, rise up and riot
I'm gonna kill him, I'm gonna knock him down
Damn you, damn you, I curse your name
Don't you ever touch me again
The tyrants kill our sons and we shall strike them dead
You betrayed me, now you will see my rage
I'm furious, get out of my way
Go to hell, I am done with your lies
Break the chains, crush the enemy, no mercy
I spit on your grave
You make me sick, you disgust me
I won't take your orders, I won't bow down
Fire in my eyes and hatred in my veins
Punch the wall, kick the door, throw the plates
You ruined everything and it is all your fault
Stop pushing me around or I'll push back harder
We are mad as hell and we want justice now
Bullets and blood, the guns are roaring
You pig, you snake, you coward
I despise every single thing about you
Attack, attack, destroy them all
You used me and threw me away, now I want you to hurt
The boss is a crook and I'm through being his slave
Nobody tells me what to do, so back off
I want to rip that smirk right off your face
""",
    "sad": """
I am so sad and lonely without you
Tears are falling down my face
You left me and my heart is broken
I cry myself to sleep every night
She died last winter and I miss her so
Nobody calls, nobody comes, I'm all alone
The house is empty since you have gone away
I have lost everything that I ever loved
It hurts so much to say goodbye
We buried my father in the cold grey rain
I can't go on, there's no hope left for me
He walked away and never turned around
My bed is cold and your side is empty
All my dreams have died and I don't know why
I'm sorry, I wish I could turn back time
The letters you wrote me are yellow and torn
Why did you leave me, why did it have to end
I sit by the window and wait, but you never come home
I feel so down, so blue, so tired of it all
They sold the farm and we had to go
I'm standing at your grave with flowers in my hand
She doesn't love me any more
There is an empty chair at the table tonight
I'm drowning in sorrow and grief
The last train has gone and took my love away
I regret the things I said, it's too late now
Nothing but memories, nothing but pain
My friends are gone and I am growing old
I miss my mother and my home so far away
Goodbye my darling, we will never meet again
I'm hopeless, I'm worthless, I'm fading away
The phone doesn't ring, the days are so long
He drinks alone and stares at her picture
Poor child, hungry and cold with no one to care
We used to be happy, now we are strangers
The leaves are falling and so am I
I weep and mourn for what we had
You found someone new, and I'm left behind
It's raining in my heart
I failed, I let everybody down
""",
    "calm": """
The lake is still and the evening is quiet
I close my eyes and breathe slowly
Gentle waves roll softly on the shore
Everything is peaceful and I am at rest
Lie down beside me, there is no hurry
The moon is rising over the silent hills
Hush little one, sleep and dream
A soft breeze moves through the leaves
I sit by the fire with a cup of tea and a book
Snow is falling softly, the world is quiet
Drifting on a river, slow and easy
Take your time, relax, let it all go
Clouds float by in a pale blue sky
I feel calm, I feel at ease, my mind is clear
Stars are shining over the sleeping town
The cat is sleeping in the warm window
We rest in the shade of the old tree
Breathe in, breathe out, be still
A quiet morning, mist above the meadow
Let the water carry you, float away
Rock me gently, sing me a lullaby
There's no need to talk, just sit with me a while
The garden is silent and the roses are in bloom
The boat sways lightly in the harbour
Peace comes over me like a soft blanket
Slowly the sun goes down behind the sea
I listen to the rain on the roof and fall asleep
Nothing to do today, nowhere to go, lying in the grass
The candle glows in the quiet room
Rest your head, my dear, the day is done
Far away a bell rings over the fields
The wind is gentle and the night is mild
I am content to sit and watch the river flow
All is well, all is still, all is bright
Silent night, the shepherds sleep
Warm and safe in your arms, half asleep
A slow afternoon, the dust dances in the light
Meditate, empty your mind, find your balance
The tide goes out as softly as it came
Easy now, nice and slow, take it easy
""",
    None: """
The train leaves at seven from platform two
He put the keys on the kitchen table
She asked me for the number of the house
There are twelve months in a year
I went to the store to buy some bread and milk
The committee met on Tuesday to discuss the budget
They walked down the road and turned left at the church
I told him that I would call tomorrow
My brother works in an office in the city
Put the book back on the shelf
The car is parked in front of the bank
A man came in and asked for the manager
You said something and I said something too
We drove for three hours and stopped for lunch
The river runs from the north to the south
The word has two meanings in this language
I was thinking about what you said
It was a matter of time before someone noticed
The window faces the street
He wears a brown coat and carries a bag
They changed the name of the company
Open the box and take out the paper
The teacher wrote the answer on the board
Yeah yeah yeah, oh oh oh
La la la la la
I know that you know that I know
One, two, three, four, five, six, seven
Here we go again, there you go again
The machine was repaired by the engineer
What time is it and where are we going
""",
}
LINES = [(mood, line.strip()) for mood, text in SENTENCES.items() for line in text.strip().splitlines()]
